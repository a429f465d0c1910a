"""Thins a value that every step has to one point an interval: the mean over the interval's steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class Intervals:
    """Means over `every` steps; intervals end at multiples of `every`, whatever groups the steps come in."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._sum = 0.0
        self._count = 0

    def add(self, step: int, values: Iterable[float]) -> Iterator[tuple[int, float]]:
        """Take the values of the steps after `step`; gives (last step, mean) of each interval that they complete."""
        for value in values:
            step += 1
            self._sum += float(value)
            self._count += 1
            if step % self._every == 0:
                yield step, self._sum / self._count
                self._sum, self._count = 0.0, 0

    def rest(self, step: int) -> Iterator[tuple[int, float]]:
        """The unfinished interval, which ends at `step`."""
        if self._count:
            yield step, self._sum / self._count
            self._sum, self._count = 0.0, 0
