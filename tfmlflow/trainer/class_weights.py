"""Weights of classes that occur more or less often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfmlflow.data.record import Data
from tfmlflow.errors import UsageError


def class_weights(wanted: str | Mapping[Any, float] | None, data: Data) -> dict[int, float] | None:
    """Weight of each class: None, as given, or inversely to how often it occurs (`balanced`)."""
    if wanted is None:
        return None
    if data.train.weight is not None or getattr(data.train.own, "weighted", False):
        raise UsageError(
            f"trainer.class_weight={wanted}: data={data.name} has a weight for each example; set it to null, or "
            "put the classes' weights into these"
        )
    if data.task == "regression":
        raise UsageError(f"trainer.class_weight={wanted}: data={data.name} is a regression and has no classes")
    if wanted == "balanced":
        counts = np.bincount(data.train.y.ravel(), minlength=data.classes)
        return {i: float(len(data.train) / (data.classes * count)) if count else 0.0 for i, count in enumerate(counts)}
    if isinstance(wanted, str):
        raise UsageError(f"trainer.class_weight={wanted}: use balanced, null, or {{class: weight}}")
    names = {name: i for i, name in enumerate(data.class_names)}
    weights = {names.get(str(key), key): float(value) for key, value in wanted.items()}
    if unknown := [key for key in weights if key not in range(data.classes)]:
        raise UsageError(f"trainer.class_weight: classes are 0 to {data.classes - 1}, not {unknown}")
    return {i: weights.get(i, 1.0) for i in range(data.classes)}


def weighted(data: Any, class_weight: Mapping[int, float] | None) -> Any:
    """A batch with each example's weight, by its class, as `fit` does; inside a graph.

    An example of several classes, which mixing makes, has the mean of their weights by their shares, and its shares
    are weighted likewise, so that a cross-entropy is the sum of those of its classes, each by its share and weight.

    Args:
        data: `(x, y)`; y indices, or shares as floats: `(batch, classes)`, or `(batch, 1)` of the second of two.
        class_weight: Of each class, or None.
    """
    if class_weight is None:
        return data
    x, y, *_ = data
    weights = tf.constant([class_weight[key] for key in sorted(class_weight)])
    if y.dtype.is_floating and y.shape.rank == 2 and y.shape[-1] == len(class_weight):
        parts = y * tf.cast(weights, y.dtype)
        whole = tf.reduce_sum(parts, axis=-1)
        return x, tf.math.divide_no_nan(parts, whole[:, None]), whole
    if y.dtype.is_floating and y.shape[-1] == 1 and len(class_weight) == 2:
        part = y * tf.cast(weights[1], y.dtype)
        both = part + (1.0 - y) * tf.cast(weights[0], y.dtype)
        return x, tf.math.divide_no_nan(part, both), tf.reshape(both, (-1,))
    several = y.shape.rank > 1
    chosen = tf.argmax(y, axis=-1) if several and y.shape[-1] != 1 else y
    chosen = tf.cast(tf.round(tf.squeeze(chosen, -1) if chosen.shape.rank > 1 else chosen), tf.int32)
    return x, y, tf.gather(weights, chosen)
