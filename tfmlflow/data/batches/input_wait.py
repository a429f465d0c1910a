"""How long training steps wait for their data: two clocks around the pipeline, in some of the epochs.

The clocks cost about as much as a very small step, so most epochs go by without them.
"""

from __future__ import annotations

import time
from typing import Any

import tensorflow as tf

FIRST, EVERY = 1, 10  # epochs that are measured, from 0: the second, for the first compiles, and every tenth after it


class InputWait:
    """Measures the wait in epochs that it chooses."""

    def __init__(self) -> None:
        with tf.device("/CPU:0"):
            self._measuring = tf.Variable(0, dtype=tf.int64, trainable=False, name="measuring")
            self._waited = tf.Variable(0.0, dtype=tf.float64, trainable=False, name="waited")
        self._began, self._on = 0.0, True
        self._plain: tf.data.Dataset | None = None

    def around(self, dataset: tf.data.Dataset, steps: int) -> tf.data.Dataset:
        """The same `steps` batches; in a measured epoch by way of the clocks."""
        as_it_is = tf.autograph.experimental.do_not_convert
        clock = tf.data.Dataset.from_tensors(0).repeat().map(as_it_is(lambda _: tf.timestamp()))

        def note(asked: tf.Tensor, batch: Any, given: tf.Tensor) -> Any:
            self._waited.assign_add(given - asked)
            return batch

        timed = tf.data.Dataset.zip(clock, dataset, clock).map(as_it_is(note))
        choice = tf.data.Dataset.from_tensors(0).flat_map(
            as_it_is(lambda _: tf.data.Dataset.from_tensors(tf.identity(self._measuring)).repeat())
        )
        chosen = tf.data.Dataset.choose_from_datasets([dataset, timed], choice)
        options = tf.data.Options()
        options.experimental_optimization.inject_prefetch = False  # it would ask before the step does
        self._plain = dataset.apply(tf.data.experimental.assert_cardinality(steps)).with_options(options)
        return chosen.apply(tf.data.experimental.assert_cardinality(steps)).with_options(options)

    def spared(self, around: tf.data.Dataset) -> tf.data.Dataset:
        """The present epoch's batches for whoever takes them anew in each: without clocks where nobody looks at them.

        TensorFlow sets up every part of a dataset whenever it is begun; the way with the choice holds all of it twice.

        Args:
            around: What `around` has given.
        """
        return around if self._plain is None or int(self._measuring.numpy()) else self._plain

    def off(self) -> None:
        """Nothing passes by the clocks: whoever trains gathers the batches itself."""
        self._on = False

    def begin_epoch(self, epoch: int) -> None:
        """Choose whether epoch `epoch`, from 0, is measured."""
        self._measuring.assign(int(epoch % EVERY == FIRST))
        self._waited.assign(0.0)
        self._began = time.perf_counter()

    def share(self) -> float | None:
        """Share of the time since the epoch began that steps have waited; None in an epoch that is not measured."""
        if not self._on or not self._began or not int(self._measuring.numpy()):
            return None
        return min(1.0, float(self._waited.numpy()) / (time.perf_counter() - self._began))
