"""What labels are, before they are trained on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmlflow.errors import UsageError

log = logging.getLogger(__name__)
SHOWN = 10  # values in a message


def indices(
    name: str, task: str, labels: Sequence[NDArray[Any]], class_names: tuple[str, ...] = ()
) -> tuple[list[NDArray[Any]], tuple[str, ...]]:
    """Class indices of labels that are text, or two numbers that are not 0 and 1; else the labels as they are.

    Args:
        name: Of the data set.
        task: multiclass, binary or regression.
        labels: Of each part of it, `(n,)` or `(n, 1)`.
        class_names: If they are known.

    Returns:
        The labels, and the names of the classes.

    Raises:
        UsageError: They are not of the task, or there is only one class.
    """
    everything = np.concatenate([part.reshape(-1) for part in labels])
    if everything.dtype.kind in "USO":
        if task == "regression":
            raise UsageError(f"data={name}: labels are text, such as '{everything[0]}'; a regression needs numbers")
        return _named(name, labels, np.unique(everything.astype(str)), class_names, str)
    if task == "regression":
        return list(labels), class_names
    values = np.unique(everything)
    if len(values) < 2:
        raise UsageError(
            f"data={name}: all {len(everything):,} labels are {values[0] if len(values) else 'missing'}; "
            "there is nothing to tell apart with one class"
        )
    if task == "binary" and not np.isin(values, (0, 1)).all():
        if len(values) > 2:
            shown = ", ".join(map(str, values[:SHOWN]))
            raise UsageError(f"data={name}: {len(values)} different labels ({shown}); a binary task has two, 0 and 1")
        return _named(name, labels, values, class_names, None)
    return list(labels), class_names


def _named(
    name: str, labels: Sequence[NDArray[Any]], values: NDArray[Any], known: tuple[str, ...], kind: type[str] | None
) -> tuple[list[NDArray[Any]], tuple[str, ...]]:
    if len(values) < 2:
        raise UsageError(f"data={name}: all labels are {values[0]}; there is nothing to tell apart with one class")
    names = tuple(str(value) for value in values)
    if known and set(names) <= set(known):
        values, names = np.array(known), known
    shown = ", ".join(f"{value} is {place}" for place, value in enumerate(names[:SHOWN]))
    log.warning("data=%s: labels become the places of their names: %s", name, shown)
    places = {str(value): place for place, value in enumerate(values)}
    found = [
        np.array([places[str(label)] for label in part.reshape(-1).astype(kind or part.dtype)], dtype=np.int32)
        for part in labels
    ]
    return found, names


def tell_unseen(name: str, train: NDArray[Any], others: NDArray[Any], class_names: tuple[str, ...]) -> None:
    """Warn of classes that only validation or test examples have."""
    unseen, counts = np.unique(others[~np.isin(others, np.unique(train))], return_counts=True)
    if not len(unseen):
        return
    said = [
        f"{class_names[int(label)] if int(label) < len(class_names) else label} ({count})"
        for label, count in zip(unseen[:SHOWN], counts, strict=False)
    ]
    log.warning(
        "data=%s: %s of the classes are in no training example, only in validation or test: %s; they cannot be learned",
        *(name, len(unseen), ", ".join(said)),
    )
