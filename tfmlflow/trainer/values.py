"""What a metric may give: a number, one for each class, or a matrix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

LARGEST = 1000  # values of a vector that are numbers of their own


def number(value: Any) -> float | None:
    """A value that is one number, as a float; None of any other."""
    try:
        array = _plain(value)
        return float(array.reshape(())) if array.size == 1 and array.dtype.kind in "biuf" else None
    except Exception:  # of a ragged tensor, anything
        return None


def by_class(value: Any, names: Sequence[str] = ()) -> dict[str, float]:
    """The numbers of a vector by class: by its name where there is one for each, else by its place.

    Raises:
        TypeError: It is no vector of numbers.
    """
    vector = array(value)
    if vector.ndim != 1 or vector.size > LARGEST:
        raise TypeError(f"an array of the shape {vector.shape}")
    labels = names if len(names) == vector.size else [str(place) for place in range(vector.size)]
    return {label: float(one) for label, one in zip(labels, vector, strict=True)}


def array(value: Any) -> np.ndarray[Any, Any]:
    """A value as an array of numbers.

    Raises:
        TypeError: It is none.
    """
    try:
        made = _plain(value)
    except Exception as error:  # of a ragged or sparse tensor, anything
        raise TypeError(f"a {type(value).__name__}") from error
    if made.dtype.kind not in "biuf":
        raise TypeError(f"a {type(value).__name__}" if made.dtype == object else f"an array of {made.dtype}")
    return made


def _plain(value: Any) -> np.ndarray[Any, Any]:
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)


def scalars(logs: Mapping[str, Any], names: Sequence[str] = ()) -> dict[str, float]:
    """Keras's logs with every number, those of vectors as `f1_score/<class>`; without what is neither."""
    found: dict[str, float] = {}
    for name, value in logs.items():
        single = number(value)
        if single is not None:
            found[name] = single
            continue
        try:
            found |= {f"{name}/{label}": one for label, one in by_class(value, names).items()}
        except TypeError:
            continue
    return found


def metric_objects(model: Any) -> list[Any]:
    """A compiled model's metrics, those inside of Keras's containers too."""
    found: list[Any] = []
    for metric in getattr(model, "metrics", ()):
        found += [metric, *_inner(metric)]
    return found


def _inner(metric: Any) -> Iterable[Any]:
    inner = getattr(metric, "metrics", ())
    return inner if isinstance(inner, list | tuple) else ()
