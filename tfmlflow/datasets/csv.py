"""A table in a CSV file: numbers are normalized, categories one-hot encoded, gaps filled."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pandas as pd

from tfmlflow.data.digest import of_arrays
from tfmlflow.data.record import Data, Split, Task
from tfmlflow.data.splits import from_arrays
from tfmlflow.datasets import text as texts
from tfmlflow.datasets.table import columns, file
from tfmlflow.datasets.table import label as labels
from tfmlflow.errors import UsageError
from tfmlflow.predictor import dates
from tfmlflow.predictor.columns import Column
from tfmlflow.predictor.preparation import Preparation, Unfit

log = logging.getLogger(__name__)

MANY = 50  # inputs out of one column of text, from which on one is asked whether that is meant
SAMPLE = 3  # rows that show what a model of these data takes
LEAST = 5  # rows, of which each split needs one


def load(
    path: str,
    label: str,
    task: Task | None = None,
    categorical: list[str] | None = None,
    drop: list[str] | None = None,
    text: str | None = None,
    words: int = 10_000,
    length: int = 200,
    separator: str | None = None,
    encoding: str | None = None,
    validation_share: float = 0.1,
    test_share: float = 0.2,
    seed: int = 0,
    folds: int | None = None,
    fold: int = 0,
    group: str | None = None,
    prepared: Preparation | None = None,
) -> Data:
    """Rows as float32 vectors; what is needed to encode them is learned from the training rows alone.

    Args:
        path: The file, with a header line.
        label: Column to predict; rows without it are left out.
        task: multiclass, binary or regression; None: text and integers of few values are classes.
        categorical: Columns to treat as categories, beside those that hold text. Dates (2026-11-26, 26.11.2026, or with
            slashes where their order can be told) are taken as days since 1970, with month, weekday and hour otherwise.
        drop: Columns to leave out.
        text: Column of texts, which alone is trained on: its words become numbers; rows without it are left out.
        words, length: As of `data=text`: size of the vocabulary, and words of a text.
        separator, encoding: Of the file; None: found.
        validation_share, test_share: Shares held out, each in (0, 1).
        seed: Decides which examples go where.
        folds, fold: Of a cross-validation: how many folds, and which of them validates, from 0.
        group: Column of what rows belong together, such as a patient: they are never in two splits, and it is no input.
        prepared: What a model's own training rows have taught; nothing is learned from these ones then.

    Returns:
        Features float32 `(columns,)`; labels int32 `(n,)` or `(n, 1)`, targets float32 `(n, 1)`. A missing number
        becomes the column's mean over the training rows and is marked in a column of its own; a missing or new category
        is one of its own. With `text` word numbers int32 `(length,)`.

    Raises:
        UsageError: The file cannot be read, a column is not in it, or the label does not fit the task.
    """
    frame = file.read(path, separator, encoding)
    together = None if group is None else columns.groups(path, frame, group)
    drop = [*(drop or []), *([group] if group is not None and group not in (drop or []) else [])]
    columns.require(path, frame, *drop)
    frame = frame.drop(columns=drop)
    columns.require(path, frame, label, *(categorical or []))
    if text is None and prepared is not None and prepared.kind == "texts":
        text = prepared.text
    if text is not None and prepared is not None and prepared.kind != "texts":
        raise UsageError(f"data.text={text}: the model was trained on a {prepared.kind}; set it to null")
    if text is not None:
        columns.require_text(path, frame, text, label)
    for name in (label, *([text] if text is not None else ())):
        if without := int(frame[name].isna().sum()):
            log.warning("data.path=%s: %s of %s rows have no %s and are left out", path, without, len(frame), name)
        frame = frame[frame[name].notna()]
    if len(frame) < LEAST:
        raise UsageError(f"data.path={path}: {len(frame)} rows with a {label!r}; at least {LEAST} are needed")
    if prepared is None:
        y, task, names = labels.targets(frame[label], task)
    else:
        y, task, names = labels.known_targets(frame[label], prepared, path)
    features = frame.drop(columns=label)
    if features.shape[1] == 0:
        raise UsageError(f"data.path={path}: no column is left beside the label {label!r}")
    columns.tell_of_oddities(path, features if text is None else features[[text]], frame[label], task)
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
        folds=folds,
        fold=fold,
        groups=None if together is None else together[frame.index].to_numpy(),
        digest=digest,
        class_names=names,
        source=path,
    )
    if text is not None:
        read = [str(cell) for cell in features[text]]
        if len(features.columns) > 1:
            others = ", ".join(str(name) for name in features if name != text)
            log.warning("data.path=%s: with data.text=%s these are not trained on: %s", path, text, others)
        known = replace(prepared or texts.learned(data, read, text, words, length), label=str(label), text=text)
        return texts.numbered(data, read, f"data.path={path}", known)
    preparation = prepared or _learned(features, set(categorical or []), data)
    try:
        encoded = preparation.rows(features, f"data.path={path}")
    except Unfit as error:
        raise UsageError(str(error)) from error

    def rows_of(split: Split, shown: bool = True) -> Split:
        places = np.asarray(split.x)
        return replace(split, x=encoded[places], shown=features.iloc[places] if shown else None)

    return replace(
        data,
        train=rows_of(data.train, shown=False),  # which nobody looks at one by one
        validation=rows_of(data.validation),
        test=rows_of(data.test),
        input_shape=(encoded.shape[1],),
        feature_names=preparation.features,
        sample=features.iloc[np.asarray(data.test.x)[:SAMPLE]].reset_index(drop=True),
        preparation=replace(preparation, label=str(label)),
    )


def _learned(features: pd.DataFrame, categorical: set[str], data: Data) -> Preparation:
    """From the training rows alone."""
    train = features.iloc[data.train.x]
    columns = []
    for name in features:
        form = dates.written(features[name]) if name not in categorical else None
        text = form is None and (not pd.api.types.is_numeric_dtype(features[name]) or name in categorical)
        column = Column.of_text(train[name]) if text else Column.of_numbers(train[name], form or "")
        if text and len(column.names) > MANY:
            log.warning(
                "data.path=%s: column %r has %s different texts, each of which becomes an input; leave it out with "
                "data.drop=[%s] if it is a name or a number of a person; a date whose day and month cannot be told "
                "apart is written 2026-11-26",
                *(data.source, name, len(column.names) - 1, name),
            )
        columns.append(column)
    return Preparation("table", data.task, data.class_names, tuple(columns))
