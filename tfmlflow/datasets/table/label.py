"""The label of a table: classes or numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfmlflow.data.record import Task
from tfmlflow.errors import UsageError
from tfmlflow.predictor.preparation import Preparation, Unfit

FEW = 20  # an integer label of at most this many values is taken for a class


def class_texts(label: pd.Series) -> list[str]:
    """Each row's class, as a text."""
    return [str(value) for value in label.convert_dtypes()]


def targets(label: pd.Series, task: Task | None) -> tuple[NDArray[Any], Task, tuple[str, ...]]:
    """The numbers that a model learns, int32 of classes and float32 otherwise, `(n,)`; the task; names of the classes.

    Raises:
        UsageError: The label does not fit the task.
    """
    numeric = pd.api.types.is_numeric_dtype(label) and not pd.api.types.is_bool_dtype(label)
    if task is None:
        whole = numeric and (label == label.round()).all()
        if numeric and not (whole and label.nunique() <= FEW):
            task = "regression"
        else:
            task = "binary" if label.nunique() == 2 else "multiclass"
    if task == "regression":
        if not numeric:
            raise UsageError(f"data.label={label.name}: holds text, which data.task=regression cannot predict")
        return label.to_numpy(np.float32), task, ()
    codes, values = pd.factorize(label.convert_dtypes(), sort=True)
    if len(values) < 2:
        raise UsageError(f"data.label={label.name}: holds only {', '.join(map(str, values))}; there is nothing to tell")
    if task == "binary" and len(values) != 2:
        raise UsageError(f"data.label={label.name}: {len(values)} values; data.task=binary needs exactly 2")
    return codes.astype(np.int32), task, tuple(str(value) for value in values)


def known_targets(label: pd.Series, prepared: Preparation, path: str) -> tuple[NDArray[Any], Task, tuple[str, ...]]:
    """The same, by what a model's own training rows have taught.

    Raises:
        UsageError: The label is none that the model knows.
    """
    task: Any = prepared.task
    if prepared.kind not in ("table", "texts"):
        raise UsageError(f"data.path={path}: a table, but the model was trained on {prepared.kind}")
    if task == "regression":
        if not pd.api.types.is_numeric_dtype(label):
            raise UsageError(f"data.label={label.name}: holds text; the model predicts numbers")
        return label.to_numpy(np.float32), task, ()
    try:
        return prepared.labels(class_texts(label), f"data.path={path}"), task, prepared.classes
    except Unfit as error:
        raise UsageError(str(error)) from error
