"""The learning rate that each step was taken with, under every kind of schedule."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

CHUNK = 512  # steps evaluated at once, so that a step costs next to nothing


class LearningRate:
    """Reads or computes the learning rate of a step.

    Args:
        optimizer: Of a compiled model.
    """

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        rate = self._optimizer._learning_rate
        self._schedule = rate if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) else None
        self._values: np.ndarray[Any, Any] = np.empty(0)
        self._first = 0
        if self._schedule is not None:
            schedule = self._schedule
            self._evaluate = tf.function(
                lambda steps: tf.map_fn(
                    lambda step: tf.cast(schedule(step), tf.float32), steps, fn_output_signature=tf.float32
                )
            )

    @property
    def iterations(self) -> int:
        """Steps that the optimizer has taken."""
        return int(self._optimizer._iterations.numpy())

    def at(self, step: int) -> float:
        """The learning rate of the optimizer's step number `step`, from 0; a plain rate is the present one."""
        if self._schedule is None:
            return float(self._optimizer.learning_rate.numpy())
        if not self._first <= step < self._first + len(self._values):
            self._first = step
            self._values = self._evaluate(tf.range(step, step + CHUNK, dtype=tf.int64)).numpy()
        return float(self._values[step - self._first])
