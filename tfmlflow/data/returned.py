"""What a loader of somebody's own returns, as a `Data` record."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmlflow.data.inputs import each, require_as_many
from tfmlflow.data.record import Data, Task
from tfmlflow.data.splits import from_arrays
from tfmlflow.errors import UsageError

log = logging.getLogger(__name__)

FEW = 100  # whole numbers of at most so many values are taken for classes
REST = ("y", "weight")  # behind x
WANTED = (
    "a tfmlflow.Data, arrays (x, y) or (x, y, weight), or ((x, y), (x_test, y_test)), where x may be a dict of several "
    "inputs; tfmlflow.data.splits.from_arrays makes a Data of them, with the task and the names of the classes, "
    "tfmlflow.data.own_batches.from_dataset one of tf.data, a PyDataset or a loader"
)


def as_data(returned: Any, target: str, seed: int, folds: int | None = None, fold: int = 0) -> Data:
    """The record that a loader has returned, or one made of the arrays that it has.

    Args:
        returned: By the loader.
        target: Its name.
        seed: Decides the split.
        folds, fold: As of `from_arrays`.

    Raises:
        UsageError: It is neither, or has a validation split of its own where a fold is wanted.
    """
    if isinstance(returned, Data):
        if folds is not None and returned.fold != (fold, folds):
            raise UsageError(
                f"data.folds={folds}: data._target_={target} returned a Data whose validation split is given, and "
                "cannot be another fold; let the function take folds and fold, and hand them on to "
                "tfmlflow.data.splits.from_arrays, or return arrays (x, y); own batches have no folds"
            )
        return returned
    parts = _parts(returned)
    if parts is None:
        kind = type(returned)
        raise UsageError(f"data._target_={target}: returned {kind.__module__}.{kind.__name__}; it must return {WANTED}")
    made = [
        (each(x, lambda one: _array(one, target, "x")), *(_array(one, target, REST[at]) for at, one in enumerate(rest)))
        for x, *rest in parts
    ]
    for x, y, *_ in made:
        where = f"data._target_={target}"
        require_as_many(where, x, len(y) if y.ndim else 0)
        if not isinstance(x, Mapping) and (x.ndim == 0 or y.ndim == 0 or len(x) != len(y)):
            raise UsageError(
                f"{where}: x of the shape {x.shape}, y of the shape {y.shape}; there must be as many of both"
            )
    (x, y, *weight), *others = made
    if any(len(one) > 2 for one in others):
        raise UsageError(f"data._target_={target}: weights of the test set; its examples weigh alike: return (x, y)")
    labels = _class_indices(y)
    test = (others[0][0], _class_indices(others[0][1])) if others else None
    task = _task(labels)
    log.warning("data._target_=%s: %s examples, taken for %s; return a tfmlflow.Data to say it", target, len(y), task)
    weights = weight[0] if weight else None
    how: dict[str, Any] = {"seed": seed, "folds": folds, "fold": fold}
    return from_arrays("custom", x, labels, task=task, test=test, weight=weights, source=target, **how)


def _parts(returned: Any) -> list[Any] | None:
    """(x, y) or (x, y, weight) to train on, and perhaps the same to test on."""
    if not isinstance(returned, tuple | list):
        return None
    if len(returned) == 2 and all(isinstance(part, tuple | list) and _is_part(part) for part in returned):
        return list(returned)
    return [returned] if _is_part(returned) else None


def _is_part(value: Sequence[Any]) -> bool:
    if len(value) not in (2, 3) or not all(map(_is_array, value[1:])):
        return False
    x = value[0]
    return all(map(_is_array, x.values())) if isinstance(x, Mapping) else _is_array(x)


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__") or (
        isinstance(value, list) and not any(getattr(one, "ndim", 0) for one in value)
    )


def _array(value: Any, target: str, name: str) -> NDArray[Any]:
    made = np.asarray(value)
    if made.dtype.kind not in "biuf":
        raise UsageError(
            f"data._target_={target}: {name} holds {made.dtype}; it must hold numbers. It may return {WANTED}"
        )
    return made


def _class_indices(y: NDArray[Any]) -> NDArray[Any]:
    """Of one-hot rows their places; else as it is, one column without its axis."""
    if y.ndim == 2 and y.shape[1] > 1 and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        return np.asarray(y.argmax(axis=1))
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def _task(y: NDArray[Any]) -> Task:
    whole = y.ndim == 1 and (y.dtype.kind in "biu" or bool((y == np.round(y)).all()))
    values = np.unique(y) if whole else np.empty(0)
    if not whole or len(values) > FEW:
        return "regression"
    return "binary" if len(values) == 2 else "multiclass"
