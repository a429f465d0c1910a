"""What a model says of some held-out examples."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfmlflow.data.record import Data
from tfmlflow.probe.sample import Sample


def predicted(model: keras.Model, sample: Sample, batch: int) -> NDArray[np.float32]:
    """The outputs, `(n, outputs)`, of a model with one, which is asked for `batch` examples at once."""
    parts = []
    for begin in range(0, len(sample), batch):
        place = slice(begin, begin + batch)
        x = {k: v[place] for k, v in sample.x.items()} if isinstance(sample.x, dict) else sample.x[place]
        parts.append(np.asarray(keras.ops.convert_to_numpy(model(x, training=False)), np.float32))
    return np.concatenate(parts).reshape(len(sample), -1)


def ranges(outputs: NDArray[np.float32]) -> dict[str, float]:
    """As of `Evidence.outputs`."""
    said = {"low": float(outputs.min()), "high": float(outputs.max())}
    if outputs.shape[1] > 1:
        said["sum"] = float(np.abs(outputs.sum(axis=1) - 1).max())
    return said


def recalls(outputs: NDArray[np.float32], y: NDArray[Any], data: Data, logits: bool) -> list[float]:
    """As of `Evidence.recalls`."""
    if data.task == "regression":
        return []
    border = 0.0 if logits else 0.5
    said = outputs.argmax(axis=1) if data.task == "multiclass" else (outputs[:, 0] > border).astype(int)
    right, classes = said == y.reshape(-1), y.reshape(-1)
    return [
        float(right[classes == one].mean()) if (classes == one).any() else float("nan") for one in range(data.classes)
    ]
