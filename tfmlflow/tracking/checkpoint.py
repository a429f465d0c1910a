"""Checkpoints: every variable of model and optimizer in one file, whole or not there at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np


def save(file: Path, model: keras.Model, about: Mapping[str, Any]) -> Path:
    """Write model variables (states of random generators too), optimizer variables and `about` to an npz file.

    Args:
        file: Where to; replaced in one step, after the new content is safe on disk.
        model: Compiled.
        about: What to know of it: epoch, step, metrics. JSON.
    """
    arrays: dict[str, Any] = {f"model/{i:05d}": variable.numpy() for i, variable in enumerate(model.variables)}
    arrays |= {f"optimizer/{i:05d}": variable.numpy() for i, variable in enumerate(model.optimizer.variables)}
    arrays["about"] = np.frombuffer(json.dumps(dict(about)).encode(), dtype=np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".part")
    with unfinished.open("wb") as stream:
        np.savez(stream, **arrays)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(file)
    return file


def restore(file: Path, model: keras.Model) -> dict[str, Any]:
    """Put a checkpoint's variables into a compiled model of the same make, and return its `about`."""
    with np.load(file, allow_pickle=False) as arrays:
        model.optimizer.build(model.trainable_variables)
        for prefix, variables in (("model", model.variables), ("optimizer", model.optimizer.variables)):
            stored = [key for key in arrays if key.startswith(prefix + "/")]
            if len(stored) != len(variables):
                raise ValueError(f"{file}: {len(stored)} variables of the {prefix}, this one has {len(variables)}")
            for i, variable in enumerate(variables):
                variable.assign(arrays[f"{prefix}/{i:05d}"])
        about: dict[str, Any] = json.loads(arrays["about"].tobytes().decode())
        return about
