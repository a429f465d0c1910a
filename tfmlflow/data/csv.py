"""A table in a CSV file: numbers are normalized, categories one-hot encoded, gaps filled, all by Keras layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfmlflow.data.digest import of_arrays
from tfmlflow.data.record import Data, Split, Task
from tfmlflow.data.splits import from_arrays
from tfmlflow.errors import UsageError

FEW = 20  # an integer label of at most this many values is taken for a class


def load(
    path: str,
    label: str,
    task: Task | None = None,
    categorical: list[str] | None = None,
    drop: list[str] | None = None,
    separator: str = ",",
    validation_share: float = 0.1,
    test_share: float = 0.2,
    seed: int = 0,
) -> Data:
    """Rows as float32 vectors; what is needed to encode them is learned from the training rows alone.

    Args:
        path: The file, with a header line.
        label: Column to predict; rows without it are left out.
        task: multiclass, binary or regression; None: text and integers of few values are classes.
        categorical: Columns to treat as categories, beside those that hold text.
        drop: Columns to leave out.
        separator: Between two values.
        validation_share, test_share, seed: The split.

    A missing number becomes the column's mean over the training rows and is marked in a column of its own; a missing
    or new category is one of its own.
    """
    frame = _read(path, separator)
    _require(path, frame, *(drop or []))
    frame = frame.drop(columns=list(drop or []))
    _require(path, frame, label, *(categorical or []))
    frame = frame[frame[label].notna()]
    y, task, names = _targets(frame[label], task)
    features = frame.drop(columns=label)
    if features.shape[1] == 0:
        raise UsageError(f"data.path={path}: no column is left beside the label {label!r}")
    rows = np.arange(len(frame))
    digest = of_arrays(np.array(frame.to_csv(index=False).splitlines(), dtype=object))
    data = from_arrays(
        "csv",
        rows,
        y,
        task=task,
        validation_share=validation_share,
        test_share=test_share,
        seed=seed,
        digest=digest,
        class_names=names,
        source=path,
    )
    texts = {c for c in features if not pd.api.types.is_numeric_dtype(features[c])} | set(categorical or [])
    encoded, columns = _encode(features, texts, data.train.x)

    def rows_of(split: Split) -> Split:
        return replace(split, x=encoded[split.x])

    return replace(
        data,
        train=rows_of(data.train),
        validation=rows_of(data.validation),
        test=rows_of(data.test),
        input_shape=(encoded.shape[1],),
        feature_names=tuple(columns),
    )


def _read(path: str, separator: str) -> pd.DataFrame:
    try:
        return pd.read_csv(path, sep=separator)
    except Exception as error:
        raise UsageError(f"data.path={path}: not a table that can be read: {error}") from error


def _require(path: str, frame: pd.DataFrame, *columns: str) -> None:
    for column in columns:
        if column not in frame:
            raise UsageError(f"data.path={path}: no column {column!r}; it has {', '.join(map(str, frame.columns))}")


def _targets(label: pd.Series, task: Task | None) -> tuple[NDArray[Any], Task, tuple[str, ...]]:
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


def _encode(frame: pd.DataFrame, texts: set[Any], train: NDArray[Any]) -> tuple[NDArray[np.float32], list[str]]:
    parts: list[NDArray[Any]] = []
    columns: list[str] = []
    for column in frame:
        if column in texts:
            values = frame[column].astype("string").fillna("").to_numpy(dtype=str)
            lookup = keras.layers.StringLookup(output_mode="one_hot", mask_token=None)
            lookup.adapt(values[train])
            parts.append(np.asarray(lookup(values)))
            columns += [f"{column}={value or '(missing)'}" for value in lookup.get_vocabulary()]
            continue
        values = frame[column].to_numpy(np.float64)
        missing = ~np.isfinite(values)
        values = np.where(missing, np.nan, values)
        mean = float(np.nanmean(values[train])) if not missing[train].all() else 0.0
        filled = np.where(missing, 0.0, values - mean).astype(np.float32)
        normalize = keras.layers.Normalization(axis=None)
        normalize.adapt(filled[train])
        parts.append(np.asarray(normalize(filled)).reshape(-1, 1))
        columns.append(str(column))
        if missing[train].any():
            parts.append(missing.astype(np.float32).reshape(-1, 1))
            columns.append(f"{column} is missing")
    return np.concatenate(parts, axis=1).astype(np.float32), columns
