"""How far the kernels of a model have moved."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

KEPT = 4096  # numbers of each kernel that are remembered


def some(weight: Any) -> np.ndarray[Any, Any]:
    """Some numbers of a kernel, spread over all of it."""
    flat = keras.ops.reshape(weight, (-1,))
    return np.asarray(keras.ops.convert_to_numpy(flat[:: max(1, flat.shape[0] // KEPT)]), np.float32)


def moved(old: np.ndarray[Any, Any], new: np.ndarray[Any, Any]) -> float:
    """The distance between them, as a share of the old ones' norm."""
    return float(np.linalg.norm(new - old) / max(float(np.linalg.norm(old)), 1e-12))
