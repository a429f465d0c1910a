"""Gradients of one batch, by layer, and how noisy they are."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmlflow.probe.sample import Sample

PARTS = 8  # of a batch, whose gradients are compared


def by_layer(model: keras.Model, sample: Sample) -> dict[str, dict[str, float]]:
    """Norms of the kernels and of their gradients, from the input to the output; as of `Evidence.gradients_after`."""
    return {
        _layer(weight): {"gradient": float(tf.norm(gradient)), "weights": float(tf.norm(tf.cast(weight, tf.float32)))}
        for weight, gradient in zip(model.trainable_weights, _gradients(model, sample), strict=True)
        if is_kernel(weight)
    }


def is_kernel(weight: Any) -> bool:
    """Whether a weight is one of those that join units, and no bias or scale."""
    return len(weight.shape) > 1 and "bias" not in str(weight.path).rsplit("/", 1)[-1]  # a GRU's has two axes


def _layer(weight: Any) -> str:
    path = str(weight.path)
    return path.removesuffix("/kernel")


def _gradients(model: keras.Model, sample: Sample) -> list[Any]:
    y = tf.convert_to_tensor(sample.y)
    with tf.GradientTape() as tape:
        predicted = model(sample.x, training=False)
        loss = model.compute_loss(x=sample.x, y=y, y_pred=predicted, training=False)
    found = tape.gradient(loss, model.trainable_weights)
    return [tf.zeros((1,)) if one is None else tf.cast(tf.convert_to_tensor(one), tf.float32) for one in found]


def noise_scale(model: keras.Model, sample: Sample) -> float | None:
    """The number of examples at which the gradient's noise is as large as the gradient itself, by comparing parts.

    The simple noise scale of McCandlish et al., "An Empirical Model of Large-Batch Training" (2018), appendix A.1.
    """
    size = len(sample) // PARTS
    if size < 1:
        return None
    parts = []
    for number in range(PARTS):
        place = slice(number * size, (number + 1) * size)
        part = Sample(tf.nest.map_structure(lambda one, place=place: one[place], sample.x), sample.y[place])
        parts.append(np.concatenate([np.ravel(one.numpy()) for one in _gradients(model, part)]))
    small = float(np.mean([part @ part for part in parts]))
    mean = np.mean(parts, axis=0)
    large = float(mean @ mean)
    whole = size * PARTS
    squared = (whole * large - size * small) / (whole - size)
    noise = (small - large) / (1 / size - 1 / whole)
    return noise / max(squared, 1e-3 * large) if large > 0 and np.isfinite(noise) else None
