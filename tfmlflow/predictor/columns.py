"""A column of a table and the numbers that it becomes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import dates

UNKNOWN, MISSING = "[UNK]", ""
LARGEST = float(np.finfo(np.float32).max)  # of a number, beyond which it is as a missing one


@dataclass(frozen=True)
class Column:
    """How a column of a table becomes numbers.

    Attributes:
        name: Of the column.
        categories: One column each, after one for all others; None: it holds numbers.
        mean, deviation: Of the training rows, by which numbers are normalized; a missing one is the mean.
        marked: Whether a column of its own says where numbers are missing.
        dates: How its dates are written, which are taken as days since 1970; empty: it holds none.
        cycles: Of its dates, each a sine and a cosine: month, weekday, hour.
    """

    name: str
    categories: tuple[str, ...] | None = None
    mean: float = 0.0
    deviation: float = 1.0
    marked: bool = False
    dates: str = ""
    cycles: tuple[str, ...] = ()

    @classmethod
    def of_text(cls, values: pd.Series) -> Column:
        """Of categories, the frequent ones first."""
        counted = _texts(values).value_counts()
        return cls(str(values.name), tuple(sorted(counted.index, key=lambda text: (-int(counted[text]), text))))

    @classmethod
    def of_numbers(cls, values: pd.Series, form: str = "") -> Column:
        """Of numbers, or of dates that are written so."""
        numbers = dates.days(values, form) if form else _numbers(values)
        known = numbers[np.isfinite(numbers)]
        if not len(known):
            return cls(str(values.name), marked=True, dates=form)
        mean = float(known.mean())
        filled = np.where(np.isfinite(numbers), numbers - mean, 0.0)
        deviation = float(filled.std())
        usable = math.isfinite(deviation) and deviation > 0
        scale, cycles = deviation if usable else 1.0, dates.cycles(numbers) if form else ()
        return cls(str(values.name), None, mean, scale, len(known) < len(numbers), form, cycles)

    @property
    def names(self) -> list[str]:
        """Of the columns that it becomes."""
        if self.categories is not None:
            return [f"{self.name}={text or '(missing)'}" for text in (UNKNOWN, *self.categories)]
        turns = [f"{self.name} {cycle} {part}" for cycle in self.cycles for part in ("sin", "cos")]
        return [self.name, *([f"{self.name} is missing"] if self.marked else []), *turns]

    def prepared(self, values: pd.Series) -> NDArray[np.float32]:
        """The columns, float32 `(n, len(names))`.

        Raises:
            ValueError: Text where the training rows had numbers.
        """
        if self.categories is not None:
            places = {text: place for place, text in enumerate(self.categories, 1)}
            found = _texts(values).map(lambda text: places.get(text, 0)).to_numpy(np.int64)
            one_hot: NDArray[np.float32] = np.eye(len(self.categories) + 1, dtype=np.float32)[found]
            return one_hot
        numbers = dates.days(values, self.dates) if self.dates else _numbers(values)
        finite = np.isfinite(numbers)
        scaled = np.where(finite, (numbers - self.mean) / self.deviation, 0.0)
        parts = [scaled[:, None], *([~finite[:, None]] if self.marked else [])]
        parts += [dates.turns(numbers, cycle) for cycle in self.cycles]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def unknown(self, values: pd.Series) -> int:
        """How many of `values` are categories that no training row had, or are not written as its dates were."""
        if self.dates:
            return int((values.notna().to_numpy() & ~np.isfinite(dates.days(values, self.dates))).sum())
        return 0 if self.categories is None else int((~_texts(values).isin(self.categories)).sum())


def _texts(values: pd.Series) -> pd.Series:
    """5 and 5.0 are the same text: a gap elsewhere makes a column of whole numbers one of fractions."""
    return values.convert_dtypes().astype("string").fillna(MISSING).astype(str)


def _numbers(values: pd.Series) -> NDArray[np.float64]:
    if pd.api.types.is_datetime64_any_dtype(values):
        raise ValueError(f"column {str(values.name)!r} holds dates; the model was trained on numbers there")
    there = values.notna().to_numpy()
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    texts = values.to_numpy(dtype=object)[there & np.isnan(numbers)]
    if len(texts):
        raise ValueError(
            f"column {str(values.name)!r} holds text ({texts[0]!r}); the model was trained on numbers there"
        )
    return np.where(np.abs(numbers) <= LARGEST, numbers, np.nan)
