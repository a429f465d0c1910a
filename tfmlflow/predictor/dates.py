"""Dates in a column of a table: how they are written, and the numbers that they become."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ISO = "ISO8601"  # 2026-11-26, 2026-11-26T10:00
WRITTEN = {  # as `strptime` names it, and what it looks like
    ISO: r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}.*)?",
    "%d.%m.%Y": r"\d{1,2}\.\d{1,2}\.\d{4}",
    "%d.%m.%Y %H:%M": r"\d{1,2}\.\d{1,2}\.\d{4} \d{1,2}:\d{2}",
    "%Y/%m/%d": r"\d{4}/\d{1,2}/\d{1,2}",
    "%d/%m/%Y": r"\d{1,2}/\d{1,2}/\d{4}",
    "%m/%d/%Y": r"\d{1,2}/\d{1,2}/\d{4}",
}
CYCLES = {"month": 12.0, "weekday": 7.0, "hour": 24.0}  # what comes again, and its period


def written(values: pd.Series) -> str | None:
    """The one way in which all values of a column are dates; None if there is none, or more than one (03/04/2026)."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return ISO
    known = values.dropna()
    if pd.api.types.is_numeric_dtype(values) or not len(known):
        return None
    texts = known.astype(str).str.strip()
    fits = [form for form, like in WRITTEN.items() if texts.str.fullmatch(like).all()]
    found = [form for form in fits if np.isfinite(days(texts, form)).all()]
    return found[0] if len(found) == 1 else None


def days(values: pd.Series, form: str) -> NDArray[np.float64]:
    """Days since 1970 in UTC, `(n,)`; what is no date is not finite."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_datetime64_any_dtype(values):
        return np.full(len(values), np.nan)
    texts = values if pd.api.types.is_datetime64_any_dtype(values) else values.astype("string").str.strip()
    try:
        times = pd.to_datetime(texts, format=form, errors="coerce", utc=True)
    except (ValueError, TypeError):
        return np.full(len(values), np.nan)
    since = (times - pd.Timestamp("1970-01-01", tz="UTC")) / pd.Timedelta(days=1)
    found: NDArray[np.float64] = since.to_numpy(np.float64, na_value=np.nan)
    return found


def cycles(since: NDArray[np.float64]) -> tuple[str, ...]:
    """Those in which days since 1970 differ."""
    known = since[np.isfinite(since)]
    return tuple(name for name in CYCLES if len(np.unique(_place(known, name))) > 1)


def turns(since: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Sine and cosine of where in a cycle each is, `(n, 2)`; zeros where there is no date."""
    there = np.isfinite(since)
    angle = 2 * np.pi * _place(np.where(there, since, 0.0), name) / CYCLES[name]
    return np.where(there[:, None], np.stack([np.sin(angle), np.cos(angle)], axis=1), 0.0)


def _place(since: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    if name == "weekday":
        return (np.floor(since) + 3) % 7  # 1970 began on a Thursday; Monday is 0
    if name == "hour":
        return np.floor(np.round((since - np.floor(since)) * 24 * 60) / 60) % 24
    months = np.floor(since).astype("datetime64[D]").astype("datetime64[M]").astype(int)
    place: NDArray[np.float64] = (months % 12).astype(np.float64)
    return place
