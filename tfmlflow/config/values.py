"""The kinds of value that a key can have: what fits, and how to say what is allowed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tfmlflow import duration
from tfmlflow.interval import SHOWN, Interval

LARGEST = 3.4e38  # that float32 holds, in which models compute
MOST = 2**31 - 1  # of what is counted: epochs, steps, units, examples


class Kind(Protocol):
    """A kind of value."""

    def fits(self, value: Any) -> bool:
        """Whether `value` is allowed."""

    def __str__(self) -> str:
        """What is allowed, to follow "must be"."""


@dataclass(frozen=True)
class Number:
    """A number, in a range; `above` and `below` are themselves excluded."""

    whole: bool = False
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    def fits(self, value: Any) -> bool:
        """Whether `value` is a number in the range; booleans are not numbers."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        return (
            value == value
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
            and abs(value) <= (MOST if self.whole else LARGEST)
        )

    def __str__(self) -> str:
        limits = [
            text
            for text, limit in (
                (f"at least {self.least}", self.least),
                (f"greater than {self.above}", self.above),
                (f"at most {self.most}", self.most),
                (f"less than {self.below}", self.below),
            )
            if limit is not None
        ]
        return " ".join(filter(None, ("a whole number" if self.whole else "a number", " and ".join(limits))))


@dataclass(frozen=True)
class Switch:
    """true or false."""

    def fits(self, value: Any) -> bool:
        """Whether `value` is a boolean."""
        return isinstance(value, bool)

    def __str__(self) -> str:
        return "true or false"


@dataclass(frozen=True)
class Text:
    """Any non-empty text."""

    def fits(self, value: Any) -> bool:
        """Whether `value` is text."""
        return isinstance(value, str) and value != ""

    def __str__(self) -> str:
        return "text"


@dataclass(frozen=True)
class Every:
    """How often something is done."""

    def fits(self, value: Any) -> bool:
        """Whether `value` is an interval."""
        try:
            return bool(Interval.parse(value))
        except ValueError:
            return False

    def __str__(self) -> str:
        return SHOWN


@dataclass(frozen=True)
class Time:
    """How long something may take."""

    def fits(self, value: Any) -> bool:
        """Whether `value` is a time."""
        try:
            return bool(duration.seconds(value))
        except ValueError:
            return False

    def __str__(self) -> str:
        return duration.SHOWN.removeprefix("null, ")


@dataclass(frozen=True)
class Pattern:
    """Text of a certain form."""

    pattern: str
    shown: str

    def fits(self, value: Any) -> bool:
        """Whether `value` has the form."""
        return isinstance(value, str) and re.fullmatch(self.pattern, value) is not None

    def __str__(self) -> str:
        return self.shown


@dataclass(frozen=True)
class One:
    """One of a few words; `also` are others that nobody is told of."""

    words: tuple[str, ...]
    also: tuple[str, ...] = ()

    def fits(self, value: Any) -> bool:
        """Whether `value` is one of the words."""
        return isinstance(value, str) and value in (*self.words, *self.also)

    def __str__(self) -> str:
        return "one of " + ", ".join(self.words) if len(self.words) > 1 else self.words[0]


@dataclass(frozen=True)
class Many:
    """A list."""

    of: Any
    least: int = 0
    length: int | None = None

    def fits(self, value: Any) -> bool:
        """Whether `value` is a list in which every element fits."""
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) < self.least:
            return False
        return (self.length is None or len(value) == self.length) and all(self.of.fits(element) for element in value)

    def __str__(self) -> str:
        size = f" of {self.length}" if self.length else f" of at least {self.least}" if self.least else ""
        return f"a list{size}, each {self.of}"


@dataclass(frozen=True)
class Either:
    """One kind or another; None stands for null."""

    kinds: tuple[Any, ...]

    def fits(self, value: Any) -> bool:
        """Whether one of the kinds fits."""
        return any(value is None if kind is None else kind.fits(value) for kind in self.kinds)

    def __str__(self) -> str:
        return ", or ".join(
            "null"
            if kind is None
            else "a list of such values"
            if isinstance(kind, Many) and kind.of in self.kinds
            else str(kind)
            for kind in self.kinds
        )


@dataclass(frozen=True)
class Table:
    """A mapping, checked further by its own schema or not at all."""

    shown: str = "a mapping {key: value}"

    def fits(self, value: Any) -> bool:
        """Whether `value` is a mapping."""
        return isinstance(value, dict)

    def __str__(self) -> str:
        return self.shown


def words(kind: Any) -> tuple[str, ...]:
    """The words that a kind allows, for finding the one that was meant."""
    if isinstance(kind, Either):
        return tuple(word for part in kind.kinds for word in words(part))
    return kind.words if isinstance(kind, One) else ()


def either(*kinds: Any) -> Either:
    """`Either` with its kinds as arguments."""
    return Either(kinds)


SWITCH, TEXT, TABLE = Switch(), Text(), Table()
COUNT = Number(whole=True, least=1)
WHOLE = Number(whole=True, least=0)
POSITIVE = Number(above=0)
NOT_NEGATIVE = Number(least=0)
SHARE = Number(least=0, most=1)
INNER_SHARE = Number(above=0, below=1)
DECAY = Number(least=0, below=1)
AUTO = One(("auto",))
SEED = Number(whole=True, least=0, below=2**31)
