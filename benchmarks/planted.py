"""Data, models and callbacks with something slow in them, for bottlenecks.py; named by `_target_`."""

from __future__ import annotations

import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmlflow.data import Data
from tfmlflow.data.splits import from_arrays
from tfmlflow.optim.schedules import Run, Schedule


def pictures(side: int = 28, examples: int = 4000, held: float = 0.05) -> Data:
    """Grey pictures of noise in memory, `(side, side, 1)`, whose class is how bright they are."""
    x, y = _pixels(side, examples)
    shares = {"validation_share": held, "test_share": 0.02}
    return from_arrays("pictures", x, y, task="multiclass", **shares)


def slowly_decoded(side: int = 28, examples: int = 4000, work: int = 20) -> Data:
    """The same, blurred `work` times whenever one is used: a decoder that computes much."""
    x, y = _pixels(side, examples)
    kernel = tf.ones((5, 5, 1, 1)) / 25.0

    def decode(one: tf.Tensor) -> tf.Tensor:
        found = tf.cast(one, tf.float32)[None]
        for _ in range(work):
            found = tf.nn.conv2d(found, kernel, 1, "SAME")
        return tf.ensure_shape(tf.cast(found[0], tf.uint8), (side, side, 1))

    return _behind(decode, x, y, side)


def slow_disk(side: int = 28, examples: int = 4000, milliseconds: float = 1.0) -> Data:
    """The same, each picture after a wait, as for a disk that is far away."""
    x, y = _pixels(side, examples)

    def wait(one: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        time.sleep(milliseconds / 1000)
        return one

    def decode(one: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.numpy_function(wait, [one], tf.uint8), (side, side, 1))

    return _behind(decode, x, y, side)


def quickly_decoded(side: int = 28, examples: int = 4000) -> Data:
    """The same, turned upside down whenever one is used: a decoder that costs next to nothing."""
    x, y = _pixels(side, examples)
    return _behind(lambda one: tf.ensure_shape(one[::-1], (side, side, 1)), x, y, side)


def table(columns: int = 32, examples: int = 4000) -> Data:
    """Rows of numbers."""
    chance = np.random.default_rng(0)
    x = chance.normal(size=(examples, columns)).astype("float32")
    y = (x[:, 0] > 0).astype("int32") + (x[:, 1] > 0)
    return from_arrays("table", x, y, task="multiclass", validation_share=0.05, test_share=0.02)


def sequences(length: int = 40, examples: int = 4000) -> Data:
    """Sequences of numbers, `(length, 8)`."""
    chance = np.random.default_rng(0)
    x = chance.normal(size=(examples, length, 8)).astype("float32")
    y = (x[:, 0, 0] > 0).astype("int32") + (x[:, 1, 0] > 0)
    return from_arrays("sequences", x, y, task="multiclass", validation_share=0.05, test_share=0.02)


def _pixels(side: int, examples: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    chance = np.random.default_rng(0)
    y = chance.integers(0, 3, examples)
    x = chance.integers(0, 80, (examples, side, side, 1)) + 80 * y[:, None, None, None]
    return x.astype("uint8"), y.astype("int32")


def _behind(decode: Any, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], side: int) -> Data:
    shape = (side, side, 1)
    shares = {"validation_share": 0.05, "test_share": 0.02}
    return from_arrays("decoded", x, y, task="multiclass", input_shape=shape, decode=decode, **shares)


def other_shapes(least: int = 20, most: int = 64) -> Any:
    """An augmentation that gives each batch another size, as training on several scales does."""

    def resized(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        size = tf.random.stateless_uniform((2,), seed, least, most, tf.int32)
        return tf.image.resize(images, size)

    return resized


def any_size(data: Data, filters: int = 8) -> keras.Model:
    """A small convolutional model that takes pictures of any size."""
    inputs = keras.Input((None, None, data.input_shape[-1]))
    x = keras.layers.Conv2D(filters, 3, activation="relu")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(data.classes, activation="softmax")(x))


class Busy(keras.callbacks.Callback):
    """Keeps the processor busy after each call into the graph, or after each epoch."""

    def __init__(self, milliseconds: float, each: str) -> None:
        super().__init__()
        self._seconds, self._each = milliseconds / 1000, each

    def _work(self) -> None:
        end = time.perf_counter() + self._seconds
        while time.perf_counter() < end:
            pass

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._each == "step":
            self._work()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._each == "epoch":
            self._work()


def watched(run: Run, milliseconds: float = 10.0, each: str = "step") -> Schedule:
    """A constant learning rate, with a callback that takes its time."""
    return Schedule(run.learning_rate, (Busy(milliseconds, each),))
