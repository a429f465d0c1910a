"""The space of a sweep: what stays, what varies, and between which values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from tfmlflow.errors import UsageError

GOLDEN = 0.381966
DIGITS = 5  # significant digits of drawn values: runs are named by them


@dataclass(frozen=True)
class Choices:
    """One of several values.

    Attributes:
        key: With `+` if it is to be added.
        values: As on the command line.
    """

    key: str
    values: tuple[str, ...]

    @property
    def ends(self) -> tuple[str, ...]:
        """Values to check before anything starts."""
        return self.values

    def draw(self, chance: Any) -> str:
        """A value, by a NumPy generator."""
        return sorted(self.values)[int(chance.integers(len(self.values)))]


@dataclass(frozen=True)
class Span:
    """A number from `low` to `high`, both included.

    Attributes:
        key: With `+` if it is to be added.
        low, high: The ends.
        whole: Whole numbers only.
        log: Small numbers as often as large ones.
        step: Between two values; None: any.
    """

    key: str
    low: float
    high: float
    whole: bool = False
    log: bool = False
    step: float | None = None

    @property
    def ends(self) -> tuple[str, ...]:
        """Values to check before anything starts; one between the ends shows where only whole numbers will do."""
        return self.text(self.low), self.text(self.high), self.text(self.low + GOLDEN * (self.high - self.low))

    @property
    def values(self) -> tuple[str, ...]:
        """All of them, where there is a step."""
        if self.step is None:
            return ()
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        return tuple(self.text(self.low + i * self.step) for i in range(count))

    def draw(self, chance: Any) -> str:
        """A value, by a NumPy generator."""
        if self.values:
            return self.values[int(chance.integers(len(self.values)))]
        low, high = self.low, self.high + self.whole
        if self.log:
            return self.text(math.exp(chance.uniform(math.log(low), math.log(high))))
        return self.text(chance.uniform(low, high))

    def text(self, value: float) -> str:
        """As on the command line."""
        within = min(max(value, self.low), self.high)
        if self.whole:
            return str(min(math.floor(within), int(self.high)))
        return f"{within:.{DIGITS}g}" if self.step is None else f"{within:.12g}"


Dimension = Choices | Span


@dataclass(frozen=True)
class Space:
    """What a command line with `-m` describes.

    Attributes:
        fixed: Overrides of every job.
        dimensions: What varies, in the order given.
    """

    fixed: tuple[str, ...]
    dimensions: tuple[Dimension, ...]

    @classmethod
    def of(cls, overrides: Sequence[Override]) -> Space:
        """Parts a parsed command line; of a key that is given twice, the last counts.

        Raises:
            UsageError: An interval that nothing can be drawn from.
        """
        fixed: dict[str, str] = {}
        varied: dict[str, Dimension] = {}
        for override in overrides:
            key, name = override.get_key_element(), f"{override.key_or_group}@{override.package}"
            fixed.pop(name, None)
            varied.pop(name, None)
            if override.is_sweep_override():
                varied[name] = _dimension(key, override)
            elif override.is_delete() and override.value() is None:
                fixed[name] = key
            else:
                fixed[name] = f"{key}={override.get_value_element_as_str()}"
        return cls(tuple(fixed.values()), tuple(varied.values()))

    @property
    def keys(self) -> tuple[str, ...]:
        """What varies, as keys of the config."""
        return tuple(dimension.key.lstrip("+~").partition("@")[0] for dimension in self.dimensions)

    @property
    def in_order(self) -> tuple[Dimension, ...]:
        """The dimensions in an order of their own, so that what is drawn does not depend on how they were typed."""
        return tuple(sorted(self.dimensions, key=lambda dimension: dimension.key))

    def job(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """The overrides of one job, whose varied values are given by key."""
        return (*self.fixed, *(f"{dimension.key}={values[dimension.key]}" for dimension in self.dimensions))

    def grid(self) -> Iterator[dict[str, str]]:
        """Every combination.

        Raises:
            UsageError: There is no end to them.
        """
        for dimension in self.dimensions:
            if isinstance(dimension, Span) and dimension.step is None:
                raise UsageError(
                    f"{dimension.key}=interval({dimension.low:g},{dimension.high:g}): has no end of values for a grid; "
                    "add sweep=random or sweep=tpe, or give a list"
                )
        keys = [dimension.key for dimension in self.dimensions]
        for values in itertools.product(*(dimension.values for dimension in self.dimensions)):
            yield dict(zip(keys, values, strict=True))

    def drawn(self, count: int, seed: int) -> Iterator[dict[str, str]]:
        """Random points, always the same for a seed; a longer series begins like a shorter one."""
        import numpy as np

        chance = np.random.default_rng(seed)
        for _ in range(count):
            point = {dimension.key: dimension.draw(chance) for dimension in self.in_order}
            yield {dimension.key: point[dimension.key] for dimension in self.dimensions}

    def ends(self) -> Iterator[dict[str, str]]:
        """Points at which every end and every choice occurs: what is right there is right between."""
        ends = [dimension.ends for dimension in self.dimensions]
        for i in range(max((len(values) for values in ends), default=0)):
            pairs = zip(self.dimensions, ends, strict=True)
            yield {dimension.key: values[min(i, len(values) - 1)] for dimension, values in pairs}


def _dimension(key: str, override: Override) -> Dimension:
    swept = override.value()
    if isinstance(swept, IntervalSweep):
        assert swept.start is not None
        assert swept.end is not None
        whole = "int" in swept.tags or isinstance(swept.start, int)  # Hydra reads the ends of others as floats
        return _span(key, float(swept.start), float(swept.end), whole, swept.tags)
    if isinstance(swept, RangeSweep):
        assert swept.start is not None
        assert swept.stop is not None
        numbers = [float(value) for value in override.sweep_iterator()] if not swept.shuffle else []
        if numbers and swept.step:
            whole = all(isinstance(end, int) for end in (swept.start, swept.step))
            low, high = min(numbers), max(numbers)
            return Span(key, low, high, whole, step=abs(float(swept.step)))
    values = tuple(override.sweep_string_iterator())
    if not values:
        raise UsageError(f"{override.input_line}: no value comes of this; a glob that matches no option?")
    return Choices(key, values)


def _span(key: str, low: float, high: float, whole: bool, tags: set[str]) -> Span:
    if not (math.isfinite(low) and math.isfinite(high)) or low >= high:
        raise UsageError(f"{key}=interval({low:g},{high:g}): the first must be less than the second")
    if "log" in tags and low <= 0:
        raise UsageError(f"{key}=tag(log,interval({low:g},{high:g})): a logarithmic one must begin above 0")
    return Span(key, low, high, whole, "log" in tags)
