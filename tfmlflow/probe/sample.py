"""A few examples of a split, as the model sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmlflow.data.batches.examples import fetcher
from tfmlflow.data.inputs import each
from tfmlflow.data.record import Split

NUMBERS = 4_000_000  # of a sample, at most: examples of many numbers are fewer
DECODED = 64  # examples that are read from elsewhere, one by one


@dataclass(frozen=True)
class Sample:
    """Some examples.

    Attributes:
        x: Tensor `(n, ...)`, or several by name.
        y: Targets, as of `Split`.
    """

    x: Any
    y: NDArray[Any]

    def __len__(self) -> int:
        return len(self.y)

    @property
    def numbers(self) -> int:
        """Of an example."""
        return sum(int(np.prod(one.shape[1:])) for one in tf.nest.flatten(self.x))

    def first(self, count: int) -> Sample:
        """The first ones."""
        return Sample(each(self.x, lambda one: one[:count]), self.y[:count])

    def rows(self) -> NDArray[np.float32]:
        """Each example as one row of numbers, `(n, features)`."""
        parts = [np.asarray(one, np.float32).reshape(len(self), -1) for one in tf.nest.flatten(self.x)]
        return np.concatenate(parts, axis=1)


def drawn(split: Split, count: int, seed: int = 0) -> Sample:
    """Examples chosen by chance, fewer than `count` where they are large or not in memory.

    Args:
        split: Where from; not of somebody's own batches, which an iterator more may bring out of their order.
        count: How many, at most.
        seed: Of the choice.
    """
    if split.decode is not None or split.read is not None:
        count = min(count, DECODED)
    else:
        numbers = sum(int(np.prod(one.shape[1:])) for one in tf.nest.flatten(split.x))
        count = max(16, min(count, NUMBERS // max(1, numbers)))
    chosen = np.arange(len(split))
    if len(split) > count:
        chosen = np.sort(np.random.default_rng(seed).choice(len(split), count, replace=False))
        np.random.default_rng(seed + 1).shuffle(chosen)
    some = split.take(chosen)
    x, y, *_ = fetcher(some)(tf.range(len(some)))
    return Sample(x, np.asarray(y))
