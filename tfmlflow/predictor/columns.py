"""A column of a table and the numbers that it becomes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

UNKNOWN, MISSING = "[UNK]", ""
DATE = r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}.*)?"  # ISO 8601


@dataclass(frozen=True)
class Column:
    """How a column of a table becomes numbers.

    Attributes:
        name: Of the column.
        categories: One column each, after one for all others; None: it holds numbers.
        mean, deviation: Of the training rows, by which numbers are normalized; a missing one is the mean.
        marked: Whether a column of its own says where numbers are missing.
        dates: Whether it holds dates, which are taken as days since 1970.
    """

    name: str
    categories: tuple[str, ...] | None = None
    mean: float = 0.0
    deviation: float = 1.0
    marked: bool = False
    dates: bool = False

    @classmethod
    def of_text(cls, values: pd.Series) -> Column:
        """Of categories, the frequent ones first."""
        counted = _texts(values).value_counts()
        return cls(str(values.name), tuple(sorted(counted.index, key=lambda text: (-int(counted[text]), text))))

    @classmethod
    def of_numbers(cls, values: pd.Series, dates: bool = False) -> Column:
        """Of numbers, or of dates."""
        numbers = _days(values) if dates else _numbers(values)
        known = numbers[np.isfinite(numbers)]
        if not len(known):
            return cls(str(values.name), marked=True, dates=dates)
        mean = float(known.mean())
        filled = np.where(np.isfinite(numbers), numbers - mean, 0.0)
        deviation = float(filled.std())
        usable = math.isfinite(deviation) and deviation > 0
        return cls(str(values.name), None, mean, deviation if usable else 1.0, len(known) < len(numbers), dates)

    @property
    def names(self) -> list[str]:
        """Of the columns that it becomes."""
        if self.categories is not None:
            return [f"{self.name}={text or '(missing)'}" for text in (UNKNOWN, *self.categories)]
        return [self.name, *([f"{self.name} is missing"] if self.marked else [])]

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
        numbers = _days(values) if self.dates else _numbers(values)
        finite = np.isfinite(numbers)
        scaled = np.where(finite, (numbers - self.mean) / self.deviation, 0.0)
        parts = [scaled, *([~finite] if self.marked else [])]
        return np.stack(parts, axis=1).astype(np.float32)

    def unknown(self, values: pd.Series) -> int:
        """How many categories of `values` no training row had."""
        return 0 if self.categories is None else int((~_texts(values).isin(self.categories)).sum())


def are_dates(values: pd.Series) -> bool:
    """Whether a column holds dates as ISO 8601 writes them (2026-11-26, 2026-11-26T10:00), and nothing else."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return True
    known = values.dropna()
    if pd.api.types.is_numeric_dtype(values) or not len(known):
        return False
    return bool(known.astype(str).str.fullmatch(DATE).all()) and bool(np.isfinite(_days(known)).all())


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
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _days(values: pd.Series) -> NDArray[np.float64]:
    """Days since 1970 in UTC; what is no date is missing."""
    try:
        times = pd.to_datetime(values, format="ISO8601", errors="coerce", utc=True)
    except (ValueError, TypeError):
        return np.full(len(values), np.nan)
    since = (times - pd.Timestamp("1970-01-01", tz="UTC")) / pd.Timedelta(days=1)
    days: NDArray[np.float64] = since.to_numpy(np.float64, na_value=np.nan)
    return days
