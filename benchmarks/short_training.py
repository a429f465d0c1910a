"""A training with as little around its steps as can be, for hundreds of them: two small graphs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmlflow import trainer
from tfmlflow.data.record import Data, Split


def examples(split: Split) -> tuple[Any, Any]:
    """As the model sees them."""
    x = split.x.astype(np.float32) / 255 if split.x.dtype == np.uint8 else split.x.astype(np.float32)
    return x, split.y


def train(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    data: Data,
    loss: Any,
    epochs: int,
    batch: int,
    seed: int,
    patience: int | None,
    callbacks: Sequence[keras.callbacks.Callback],
) -> tuple[str, list[float]]:
    """Train, and call callbacks as `fit` does; (reason of the end, loss of each step)."""
    trainer.compile_model(model, optimizer, data, loss, "auto", 0.0)
    optimizer.build(model.trainable_variables)
    step, held = _step(model, data), _held(model, data)
    (x, y), (held_x, held_y) = examples(data.train), examples(data.validation)
    rng, losses = np.random.default_rng(seed), list[float]()
    told = keras.callbacks.CallbackList(list(callbacks), model=model, epochs=epochs, steps=len(x) // batch)
    told.on_train_begin()
    reason, best, since = "completed", math.inf, 0
    for epoch in range(epochs):
        told.on_epoch_begin(epoch)
        order, right, count = rng.permutation(len(x)), 0.0, max(1, len(x) // batch)
        for number in range(count):
            chosen = order[number * batch : (number + 1) * batch]
            said, good = step(x[chosen], y[chosen])
            losses.append(float(said))
            right += float(good)
            if not math.isfinite(losses[-1]):
                reason = "nan"
                break
        loss_then, good = held(held_x, held_y)
        logs = {"loss": float(np.mean(losses[-(number + 1) :])), "val_loss": float(loss_then)}
        if data.task != "regression":
            logs |= {"accuracy": right / (number + 1) / batch, "val_accuracy": float(good) / len(held_x)}
        told.on_epoch_end(epoch, logs)
        best, since = (float(loss_then), 0) if float(loss_then) < best else (best, since + 1)
        if patience is not None and since >= patience:
            reason = "early_stopping"
        if reason != "completed":
            break
    told.on_train_end()
    return reason, losses


def _right(data: Data, y: Any, predicted: Any) -> Any:
    if data.task == "multiclass":
        return tf.reduce_sum(tf.cast(tf.equal(tf.argmax(predicted, -1, tf.int32), tf.cast(y, tf.int32)), tf.float32))
    if data.task == "binary":
        return tf.reduce_sum(tf.cast(tf.equal(predicted > 0.5, tf.cast(y, tf.float32) > 0.5), tf.float32))
    return tf.constant(0.0)


def _step(model: keras.Model, data: Data) -> Callable[..., Any]:
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            predicted = model(x, training=True)
            loss = model.compute_loss(x=x, y=y, y_pred=predicted, training=True)
        gradients = tape.gradient(loss, model.trainable_weights)
        pairs = [(g, w) for g, w in zip(gradients, model.trainable_weights, strict=True) if g is not None]
        model.optimizer.apply_gradients(pairs)
        return loss, _right(data, y, predicted)

    return tf.function(step, autograph=False)


def _held(model: keras.Model, data: Data) -> Callable[..., Any]:
    def held(x: Any, y: Any) -> Any:
        predicted = model(x, training=False)
        return model.compute_loss(x=x, y=y, y_pred=predicted, training=False), _right(data, y, predicted)

    return tf.function(held, autograph=False)
