"""The account of updates by workers that do not wait for each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf


class Counts:
    """Accounts for every update of an epoch, on a server.

    Keras's own count of steps is read and written in two steps, so that workers overwrite each other's.

    Args:
        steps: Of an epoch.
    """

    def __init__(self, steps: int) -> None:
        only = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self._updates = tf.Variable(0, dtype=tf.int64, trainable=False, aggregation=only, name="updates")
        self._begun = tf.Variable(tf.zeros(steps, tf.int32), trainable=False, aggregation=only, name="begun")
        self._ended = tf.Variable(tf.zeros(steps, tf.int32), trainable=False, aggregation=only, name="ended")

    def begin(self, step: tf.Tensor) -> tf.Tensor:
        """A step reads the weights; how many updates these have had."""
        self._begun.scatter_add(tf.IndexedSlices(tf.constant([1]), tf.reshape(step, [1])))
        return self._updates.read_value()

    def end(self, step: tf.Tensor) -> tf.Tensor:
        """A step has changed the weights; how many updates these have had with it."""
        self._ended.scatter_add(tf.IndexedSlices(tf.constant([1]), tf.reshape(step, [1])))
        return tf.identity(self._updates.assign_add(1, use_locking=True, read_value=True))

    @property
    def updates(self) -> int:
        """How many there were."""
        return int(self._updates.numpy())

    def reset(self, before: int) -> None:
        """An epoch begins, after so many updates."""
        self._updates.assign(before)
        for one in (self._begun, self._ended):
            one.assign(tf.zeros_like(one))

    def told(self, issued: int, ages: np.ndarray[Any, Any]) -> dict[str, float]:
        """The epoch's account.

        Args:
            issued: Steps that were handed out.
            ages: Updates by others between reading the weights and changing them, of each step.

        Returns:
            `updates/issued`, `/applied` (once or more), `/repeated` (beyond the first time, by another worker after
            the first one's death), `/torn` (begun and not ended by a worker that died), `/lost` (never applied), and
            `staleness/mean`, `/p95`, `/max`.
        """
        begun, ended = self._begun.numpy(), self._ended.numpy()
        applied = int((ended > 0).sum())
        return {
            "updates/issued": float(issued),
            "updates/applied": float(applied),
            "updates/repeated": float(np.maximum(ended - 1, 0).sum()),
            "updates/torn": float(begun.sum() - ended.sum()),
            "updates/lost": float(issued - applied),
            "staleness/mean": float(ages.mean()),
            "staleness/p95": float(np.percentile(ages, 95)),
            "staleness/max": float(ages.max()),
        }
