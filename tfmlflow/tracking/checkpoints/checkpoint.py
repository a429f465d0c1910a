"""A checkpoint: every variable of model and optimizer in one file, whole or not there at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmlflow import whole_file
from tfmlflow.trainer.callbacks.average import raw_weights


def snapshot(model: keras.Model) -> dict[str, Any]:
    """Copies of the model's variables (states of random generators too) and the optimizer's, by their places.

    Where the model holds averaged weights, the raw ones, with which training goes on; the averages are among the
    optimizer's variables.
    """
    raw = raw_weights(model)
    arrays: dict[str, Any] = {
        f"model/{i:05d}": raw[id(variable)] if id(variable) in raw else variable.numpy()
        for i, variable in enumerate(model.variables)
    }
    return arrays | {f"optimizer/{i:05d}": variable.numpy() for i, variable in enumerate(model.optimizer.variables)}


def write(file: Path, arrays: Mapping[str, Any], about: Mapping[str, Any]) -> Path:
    """Write a snapshot to an npz file.

    Args:
        file: Where to; replaced in one step, after the new content is safe on disk.
        arrays: The snapshot.
        about: What to know of it: epoch, step, objective. JSON.

    Raises:
        OSError: The disk is full; nothing is left behind.
    """
    with whole_file.replacing(file, mode=0o666) as stream:
        np.savez(stream, **arrays, about=np.frombuffer(json.dumps(dict(about)).encode(), dtype=np.uint8))
    return file


def restore(file: Path, model: keras.Model) -> dict[str, Any]:
    """Put a checkpoint's variables into a compiled model of the same make, and return its `about`."""
    with np.load(file, allow_pickle=False) as arrays:
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        for prefix, variables in (("model", model.variables), ("optimizer", model.optimizer.variables)):
            stored = [key for key in arrays if key.startswith(prefix + "/")]
            if len(stored) != len(variables):
                raise ValueError(f"{file}: {len(stored)} variables of the {prefix}, this one has {len(variables)}")
            for i, variable in enumerate(variables):
                variable.assign(arrays[f"{prefix}/{i:05d}"])
        about: dict[str, Any] = json.loads(arrays["about"].tobytes().decode())
        return about
