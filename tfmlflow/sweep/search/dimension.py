"""What varies in a sweep, between which values, and where."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from tfmlflow.errors import UsageError

GOLDEN = 0.381966
DIGITS = 5  # significant digits of drawn values: runs are named by them
WORDS = ("true", "false", "null", "none", "nan", "inf")  # which are something else without quotes

Condition = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Choices:
    """One of several values.

    Attributes:
        key: With `+` if it is to be added.
        values: As on the command line.
        when: Where it varies: (key, values of that key), all of which must hold; else it is not there.
    """

    key: str
    values: tuple[str, ...]
    when: tuple[Condition, ...] = ()

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
        when: As of `Choices`.
    """

    key: str
    low: float
    high: float
    whole: bool = False
    log: bool = False
    step: float | None = None
    when: tuple[Condition, ...] = ()

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


def name_of(key: str) -> str:
    """A key of the config, without what only Hydra needs."""
    return key.lstrip("+~").partition("@")[0]


def of_override(override: Override) -> Dimension:
    """What a sweep override says.

    Raises:
        UsageError: An interval that nothing can be drawn from, or no value at all.
    """
    key = override.get_key_element()
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
    values = tuple(dict.fromkeys(map(_plain, override.sweep_string_iterator())))
    if not values:
        raise UsageError(f"{override.input_line}: no value comes of this; a glob that matches no option?")
    return Choices(key, values)


def _plain(value: str) -> str:
    """Without quotes that change nothing: 'adam' is adam."""
    inner = value[1:-1]
    quoted = len(value) > 2 and value[0] == value[-1] and value[0] in "'\""
    return inner if quoted and re.fullmatch(r"[A-Za-z][\w./-]*", inner) and inner.lower() not in WORDS else value


def _span(key: str, low: float, high: float, whole: bool, tags: set[str]) -> Span:
    if not (math.isfinite(low) and math.isfinite(high)) or low >= high:
        raise UsageError(f"{key}=interval({low:g},{high:g}): the first must be less than the second")
    if "log" in tags and low <= 0:
        raise UsageError(f"{key}=tag(log,interval({low:g},{high:g})): a logarithmic one must begin above 0")
    return Span(key, low, high, whole, "log" in tags)
