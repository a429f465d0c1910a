"""Which weights of a kernel are pruned: those of the smallest magnitude, alone, by units, or n of every m."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Mask = Callable[[Array, float], Array]
"""From a kernel and the share of zeros to 0 and 1, float32 of the kernel's shape."""


def mask(structure: str | None) -> Mask:
    """What prunes so.

    Args:
        structure: None: single weights. `units`: whole units of a dense layer, whole filters of a convolution.
            `2:4`: of each 4 weights in a row along the inputs, 2 stay.
    """
    if structure is None:
        return elements
    if structure == "units":
        return units
    kept, of = several(structure)
    return lambda kernel, share: n_of_m(kernel, kept, of, share)


def several(structure: str) -> tuple[int, int]:
    """`2:4` as numbers."""
    found = re.fullmatch(r"(\d+):(\d+)", structure)
    assert found is not None
    return int(found[1]), int(found[2])


def elements(kernel: Array, share: float) -> Array:
    """Single weights, exactly so many as the share says."""
    return _smallest(np.abs(kernel), share)


def units(kernel: Array, share: float) -> Array:
    """Whole units, by the L2 norm of their weights; the last axis is of units, and one of them always stays."""
    norms = np.sqrt((kernel.astype("float64") ** 2).sum(axis=tuple(range(kernel.ndim - 1))))
    return np.broadcast_to(_smallest(norms, min(share, 1 - 1 / norms.size)), kernel.shape).astype("float32")


def n_of_m(kernel: Array, kept: int, of: int, share: float = 1.0) -> Array:
    """The `kept` largest of each `of` weights in a row along the inputs; a rest that is shorter stays as it is.

    Args:
        kernel: Its last axis is of outputs, the one before of inputs.
        kept, of: For example 2 and 4.
        share: Nothing is pruned at 0, so that a schedule can begin there.
    """
    made = np.ones(kernel.shape, "float32")
    whole = kernel.shape[-2] // of * of
    if share <= 0 or not whole:
        return made
    grouped = np.moveaxis(np.abs(kernel), -2, -1)[..., :whole].reshape(-1, of)
    order = np.argsort(grouped, axis=-1, kind="stable")
    rows = np.ones(grouped.shape, "float32")
    np.put_along_axis(rows, order[:, : of - kept], 0.0, axis=-1)
    front = np.moveaxis(made, -2, -1)
    front[..., :whole] = rows.reshape(*front.shape[:-1], whole)
    return made


def _smallest(size: Array, share: float) -> Array:
    """0 for so many of the smallest, 1 for the rest."""
    made, count = np.ones(size.size, "float32"), round(share * size.size)
    if count:
        made[np.argpartition(size.ravel(), count - 1)[:count]] = 0.0
    return made.reshape(size.shape)
