"""The columns of a table: which have to be there, and what is odd about what they hold."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from tfmlflow.data.record import Task
from tfmlflow.datasets.table.label import class_texts
from tfmlflow.errors import UsageError
from tfmlflow.predictor.columns import LARGEST

log = logging.getLogger(__name__)

LARGE = 1000.0  # of a target, from which on its unit is doubted


def require(path: str, frame: pd.DataFrame, *columns: str) -> None:
    """Refuse a table without one of these.

    Raises:
        UsageError: Names the columns that there are.
    """
    for column in columns:
        if column not in frame:
            raise UsageError(f"data.path={path}: no column {column!r}; it has {', '.join(map(str, frame.columns))}")


def require_text(path: str, frame: pd.DataFrame, text: str, label: str) -> None:
    """Refuse a column of texts that holds none.

    Raises:
        UsageError: It is the label, or no text.
    """
    require(path, frame, text)
    if text == label:
        raise UsageError(f"data.text={text}: is the label, too; data.label names the column to predict")
    known = frame[text].dropna()
    if pd.api.types.is_numeric_dtype(frame[text]) or not known.map(lambda cell: isinstance(cell, str)).all():
        raise UsageError(
            f"data.text={text}: the column holds {frame[text].dtype}, no text; data.text names one that does"
        )


def groups(path: str, frame: pd.DataFrame, group: str) -> pd.Series:
    """The number of each row's group.

    Raises:
        UsageError: A row has none.
    """
    require(path, frame, group)
    if without := int(frame[group].isna().sum()):
        raise UsageError(
            f"data.group={group}: {without} of {len(frame)} rows of {path} have none; give each row one, or leave "
            "these out"
        )
    return pd.Series(pd.factorize(frame[group])[0], index=frame.index)


def tell_of_oddities(path: str, features: pd.DataFrame, label: pd.Series, task: Task) -> None:
    """What is taken as it stands, and seldom meant so."""
    for name, values in features.select_dtypes("number").items():
        if beyond := int((np.abs(values.to_numpy(np.float64, na_value=np.nan)) > LARGEST).sum()):
            log.warning(
                "data.path=%s: %s numbers in column %r are infinite, or too large for float32, and taken as missing",
                *(path, beyond, name),
            )
    if task == "regression":
        mean, deviation = float(label.mean()), float(label.std())
        if abs(mean) + deviation > LARGE:
            log.warning(
                "data.path=%s: %r is about %.3g ± %.3g, and a network begins near 0; in a larger unit (thousands, say) "
                "it learns sooner",
                *(path, label.name, mean, deviation),
            )
        return
    alike: dict[str, set[str]] = {}
    for said in set(class_texts(label)):
        alike.setdefault(said.strip().casefold(), set()).add(said)
    for several in (sorted(names) for names in alike.values() if len(names) > 1):
        said = ", ".join(map(repr, several))
        log.warning(
            "data.path=%s: %r has the classes %s, which differ in blanks or capitals alone", path, label.name, said
        )
