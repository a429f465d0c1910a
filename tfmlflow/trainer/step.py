"""One step of a training: what `trainer=loop` does with a batch, and may be exchanged for one's own."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


def gradient_step(model: keras.Model, data: Any) -> dict[str, Any] | None:
    """Take one step of gradient descent, as `fit` does; runs inside a graph.

    Args:
        model: Compiled: its loss, metrics and optimizer are used.
        data: `(x, y)` or `(x, y, sample_weight)` of one batch.

    Returns:
        Nothing, since all that is to be told of the step is in the model's metrics. A step of one's own may return
        numbers by name; an epoch's is their mean.
    """
    x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
    with tf.GradientTape() as tape:
        predicted = model(x, training=True) if model._call_has_training_arg else model(x)
        loss = model.compute_loss(x=x, y=y, y_pred=predicted, sample_weight=weight, training=True)
        scaled = model.optimizer.scale_loss(loss)
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    model.metrics[0].update_state(loss * replicas if replicas > 1 else loss, sample_weight=tf.shape(first(x))[0])
    weights = model.trainable_weights
    model.optimizer.apply_gradients(zip(tape.gradient(scaled, weights), weights, strict=True))
    model.compute_metrics(x, y, predicted, sample_weight=weight)
    return None


def model_step(model: keras.Model, data: Any) -> dict[str, Any] | None:
    """The model's own `train_step`, of a class that has one."""
    said: dict[str, Any] = model.train_step(data)
    return said


def first(x: Any) -> tf.Tensor:
    """The first of several inputs."""
    return next(one for one in tf.nest.flatten(x) if one is not None)
