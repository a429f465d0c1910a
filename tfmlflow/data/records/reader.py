"""Reads records by their positions, a batch at a time, and sees to it that they are those of the index."""

from __future__ import annotations

import os
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmlflow.data.records.framing import HEADER

OPEN = 64  # files at a time


class Reader:
    """Of some files; the same file may be read by several threads at once.

    Args:
        files: In the order of their numbers in positions.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files, self._lock = tuple(files), Lock()
        self._open: OrderedDict[int, _Stream] = OrderedDict()

    def graph(self, places: tf.Tensor) -> tf.Tensor:
        """Records string `(n,)` at places int64 `(n, 4)`, as of `Index`; runs inside a graph, on this machine."""
        records = tf.numpy_function(self.read, [places], tf.string, stateful=False)
        return tf.ensure_shape(records, places.shape[:1])

    def read(self, places: NDArray[np.int64]) -> NDArray[Any]:
        """Records bytes `(n,)`.

        Raises:
            ValueError: One is not any more what it was when the index was made.
        """
        found = np.empty(len(places), dtype=object)
        for row, (number, begin, length, checksum) in enumerate(places.tolist()):
            stream = self._stream(number)  # held while it is read from: another thread may put it out
            content = os.pread(stream.number, length, begin)
            if zlib.crc32(content) != checksum:
                raise ValueError(
                    f"{self._files[number]}: the record at byte {begin - HEADER:,} has changed since the training began"
                )
            found[row] = content
        return found

    def _stream(self, number: int) -> _Stream:
        with self._lock:
            stream = self._open.get(number)
            if stream is None:
                stream = self._open[number] = _Stream(self._files[number])
            self._open.move_to_end(number)
            if len(self._open) > OPEN:
                self._open.popitem(last=False)  # closed once no thread reads from it
            return stream


class _Stream:
    """An open file, closed when nobody has it any more."""

    def __init__(self, file: Path) -> None:
        self.number = os.open(file, os.O_RDONLY)

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)
