"""What a loader of somebody's own returns, as a `Data` record."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmlflow.data.record import Data, Task
from tfmlflow.data.splits import from_arrays
from tfmlflow.errors import UsageError

log = logging.getLogger(__name__)

FEW = 100  # whole numbers of at most so many values are taken for classes
WANTED = (
    "a tfmlflow.Data, arrays (x, y), or ((x, y), (x_test, y_test)); tfmlflow.data.splits.from_arrays makes a Data of "
    "arrays, with the task and the names of the classes that it should have"
)


def as_data(returned: Any, target: str, seed: int) -> Data:
    """The record that a loader has returned, or one made of the arrays that it has.

    Args:
        returned: By the loader.
        target: Its name.
        seed: Decides the split.

    Raises:
        UsageError: It is neither.
    """
    if isinstance(returned, Data):
        return returned
    pairs = _pairs(returned)
    if pairs is None:
        kind = type(returned)
        raise UsageError(f"data._target_={target}: returned {kind.__module__}.{kind.__name__}; it must return {WANTED}")
    arrays = [(_array(x, target, "x"), _array(y, target, "y")) for x, y in pairs]
    for x, y in arrays:
        if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
            raise UsageError(
                f"data._target_={target}: x of the shape {x.shape}, y of the shape {y.shape}; equally many"
            )
    labels = [_class_indices(y) for _, y in arrays]
    task = _task(labels[0])
    x, test = arrays[0][0], (arrays[1][0], labels[1]) if len(arrays) > 1 else None
    log.warning("data._target_=%s: %s examples, taken for %s; return a tfmlflow.Data to say it", target, len(x), task)
    return from_arrays("custom", x, labels[0], task=task, test=test, seed=seed, source=target)


def _pairs(returned: Any) -> list[tuple[Any, Any]] | None:
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        return None
    if all(isinstance(part, tuple | list) and len(part) == 2 and _is_array(part[0]) for part in returned):
        return [(part[0], part[1]) for part in returned]
    return [(returned[0], returned[1])] if all(map(_is_array, returned)) else None


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
