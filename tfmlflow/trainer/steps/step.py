"""One step of a training: what `trainer=loop` does with a batch, and may be exchanged for one's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from tfmlflow.errors import UsageError
from tfmlflow.trainer.steps import clipping
from tfmlflow.trainer.steps.watch import Watch


def gradient_step(model: keras.Model, data: Any, watch: int | None = None) -> dict[str, Any] | None:
    """Take one step of gradient descent, as `fit` does; runs inside a graph.

    Args:
        model: Compiled: its loss, metrics and optimizer are used.
        data: `(x, y)` or `(x, y, sample_weight)` of one batch.
        watch: Steps between two whose gradients, updates and activations are measured; None: never.

    Returns:
        Nothing, since all that is to be told of the step is in the model's metrics. A step of one's own may return
        numbers by name; an epoch's is their mean.
    """
    taken = descend(model, data, watch)
    taken.count(model)
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return {"loss": taken.loss, **taken.measured} if taken.measured else None
    return taken.measured | {"loss": context.all_reduce(tf.distribute.ReduceOp.SUM, tf.stop_gradient(taken.share))}


@dataclass(frozen=True)
class Taken:
    """A step that was taken.

    Attributes:
        data: `(x, y, sample_weight)` of the batch.
        size: Its examples.
        predicted: By the weights before the step.
        loss: Mean over the examples, by the weights before the step.
        share: What it is of the mean over those of all replicas.
        measured: By `Watch`.
    """

    data: tuple[Any, Any, Any]
    size: Any
    predicted: Any
    loss: tf.Tensor
    share: tf.Tensor
    measured: dict[str, Any]

    def count(self, model: keras.Model) -> None:
        """Let the model's metrics know of it."""
        x, y, weight = self.data
        model.metrics[0].update_state(self.loss, sample_weight=self.size)
        model.compute_metrics(x, y, self.predicted, sample_weight=weight)


def descend(model: keras.Model, data: Any, watch: int | None = None) -> Taken:
    """Take one step of gradient descent; as of `gradient_step`, without the metrics."""
    x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
    if watch is not None and watch < 1:
        raise UsageError(f"trainer.step.watch={watch}: must be at least 1 step, or null")
    here = first(x).shape[0] or tf.shape(first(x))[0]
    with tf.GradientTape() as tape:
        predicted = model(x, training=True) if model._call_has_training_arg else model(x)
        loss = model.compute_loss(x=x, y=y, y_pred=predicted, sample_weight=weight, training=True)
        share, whole = _shares(loss, here)
        scaled = model.optimizer.scale_loss(share)
    weights = model.trainable_weights
    gradients = clipping.of_all(model.optimizer, tape.gradient(scaled, weights))
    measured: dict[str, Any] = {}
    if watch is None:
        model.optimizer.apply_gradients(zip(gradients, weights, strict=True))
    else:
        measured = Watch(model, watch).apply(gradients, x)
    return Taken((x, y, weight), here, predicted, whole, share, measured)


def _shares(loss: tf.Tensor, here: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """(what this replica's loss is of the whole batch's mean, the mean over its own examples).

    Keras has divided the replica's mean by the number of replicas, which is right where all have as many examples.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return loss, loss
    replicas = context.num_replicas_in_sync
    total = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.cast(here, loss.dtype))
    own = tf.where(tf.cast(here, tf.int32) > 0, loss * replicas, 0.0)  # the mean over no examples is no number
    return own * tf.cast(here, loss.dtype) / total, own


def model_step(model: keras.Model, data: Any) -> dict[str, Any] | None:
    """The model's own `train_step`, of a class that has one."""
    said: dict[str, Any] = model.train_step(data)
    return said


def first(x: Any) -> tf.Tensor:
    """The first of several inputs."""
    return next(one for one in tf.nest.flatten(x) if one is not None)
