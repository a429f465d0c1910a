"""What a model takes: one array, or several by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfmlflow.errors import UsageError

Inputs = NDArray[Any] | Mapping[str, NDArray[Any]]
"""Arrays `(n, ...)`."""


class Input(NamedTuple):
    """One of several inputs, as the model sees it.

    Attributes:
        shape: Of an example, without the batch axis.
        dtype: float32, or the whole numbers that it holds.
    """

    shape: tuple[int, ...]
    dtype: str


def each(x: Any, change: Callable[[Any], Any]) -> Any:
    """The array, or every one of several, changed."""
    return {name: change(one) for name, one in x.items()} if isinstance(x, Mapping) else change(x)


def arrays(x: Inputs) -> list[NDArray[Any]]:
    """All that a digest is made of: of several inputs in the order of their names, with these."""
    if not isinstance(x, Mapping):
        return [x]
    return [array for name in sorted(x) for array in (np.array(name), x[name])]


def seen(x: Mapping[str, NDArray[Any]]) -> dict[str, Input]:
    """Several inputs as the model sees them: of pixels (uint8) and fractions float32."""
    return {
        name: Input(one.shape[1:], "float32" if one.dtype == np.uint8 or one.dtype.kind == "f" else str(one.dtype))
        for name, one in x.items()
    }


def shapes(x: Inputs) -> Any:
    """Of an example, by name where there are several."""
    return each(x, lambda one: one.shape[1:])


def names(model: Any) -> list[str]:
    """Names of what a model takes, in the order of `model.inputs`; empty if that is not known."""
    structure = getattr(model, "_inputs_struct", None)
    if isinstance(structure, Mapping):
        return sorted(structure)
    return [tensor.name for tensor in getattr(model, "inputs", None) or ()]


def require_as_many(where: str, x: Inputs, count: int) -> None:
    """Refuse inputs that do not have an example for each target.

    Raises:
        UsageError: Names the input.
    """
    if isinstance(x, Mapping):
        if not x:
            raise UsageError(f"{where}: x is a dict without any input")
        for name, one in x.items():
            if not isinstance(name, str):
                raise UsageError(f"{where}: an input is called {name!r}; names must be text")
            if one.ndim == 0 or len(one) != count:
                raise UsageError(
                    f"{where}: input {name!r} has the shape {one.shape}, y has {count} targets; there must be as many"
                )
