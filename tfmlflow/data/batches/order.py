"""The order in which batches came, as a number: several workers that read the same batches must have the same one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tensorflow as tf
from numpy.typing import NDArray

from tfmlflow.data.digest import of_arrays


class Order:
    """Notes the labels of the batches that pass, in an epoch."""

    def __init__(self) -> None:
        with tf.device("/CPU:0"):
            self._state = tf.Variable(0, dtype=tf.int64, trainable=False, name="order")

    @staticmethod
    def of(labels: Iterable[NDArray[Any]]) -> str:
        """That of arrays, 32 hex digits."""
        return of_arrays(*labels)

    @property
    def now(self) -> str:
        """That of what has passed since the epoch began."""
        return str(int(self._state.numpy()) & 2**64 - 1)

    def begin(self) -> None:
        """An epoch begins."""
        self._state.assign(0)

    def note(self, batch: Any) -> Any:
        """The batch, noted; inside a graph that takes one at a time."""
        said = tf.strings.to_hash_bucket_fast(tf.io.serialize_tensor(batch[1]), 2**31 - 1)
        self._state.assign(self._state * 1_000_003 + said)  # what is too large wraps around
        return batch
