"""Batches of which an epoch has so many, and the next epoch those that follow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow as tf


class Stream:
    """Goes through a `tf.data.Dataset` from epoch to epoch, and begins it again where it ends.

    Which batches an epoch has follows from its number alone: one that does not come after the one before, as in a
    training that is gone on with, passes over all that were before it.

    Args:
        dataset: Of batches.
        steps: Of an epoch.

    Attributes:
        epoch: The present one, from 0.
    """

    def __init__(self, dataset: tf.data.Dataset, steps: int) -> None:
        self._dataset, self._steps, self.epoch = dataset.repeat(), steps, 0
        self._kept: tuple[int, Iterator[Any]] | None = None  # (number of the batch that comes next, where from)

    def __call__(self) -> Iterator[tuple[Any, ...]]:
        """The batches of the present epoch; whoever leaves before its end takes the place in the dataset along."""
        begin, kept = self.epoch * self._steps, self._kept
        if kept is not None and kept[0] == begin:
            self._kept, coming = None, kept[1]
        else:
            coming = self._dataset.skip(begin).as_numpy_iterator()
        for left in range(self._steps - 1, -1, -1):
            batch = tuple(next(coming))
            if left == 0:  # nobody asks for more than there are, so that this is where an epoch ends
                self._kept = begin + self._steps, coming
            yield batch
