"""Small data sets of each kind that a model can be for."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfmlflow.data import Data, Task
from tfmlflow.data.splits import from_arrays

SHAPES = {"image": (8, 8, 1), "table": (10,), "tokens": (12,), "series": (6, 3)}
OUTPUTS = {"multiclass": 4, "binary": 1, "regression": 2}


def data(kind: str = "table", task: Task = "multiclass", shape: tuple[int, ...] | None = None) -> Data:
    """40 random examples: four classes, two, or two numbers."""
    rng = np.random.default_rng(0)
    shape = shape or SHAPES[kind]
    about: dict[str, Any] = {"vocabulary": 20} if kind == "tokens" else {}
    x = rng.integers(0, 20, (40, *shape)).astype(np.int32) if about else rng.random((40, *shape)).astype(np.float32)
    y = {"multiclass": np.arange(40) % 4, "binary": np.arange(40) % 2, "regression": rng.random((40, 2))}[task]
    return from_arrays(kind, x, y, task=task, **about)
