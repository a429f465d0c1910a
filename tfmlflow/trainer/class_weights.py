"""Weights of classes that occur more or less often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmlflow.data.record import Data
from tfmlflow.errors import UsageError


def class_weights(wanted: str | Mapping[Any, float] | None, data: Data, mixed: bool = False) -> dict[int, float] | None:
    """Weight of each class: None, as given, or inversely to how often it occurs (`balanced`)."""
    if wanted is None:
        return None
    if mixed:
        raise UsageError(
            f"trainer.class_weight={wanted}: an example that augment.mixup or cutmix has made is of two classes; set "
            "it to null, or let the data have a weight for each example, which are mixed with them"
        )
    if data.train.weight is not None:
        raise UsageError(
            f"trainer.class_weight={wanted}: data={data.name} has a weight for each example; set it to null, or "
            "put the classes' weights into these"
        )
    if data.task == "regression":
        raise UsageError(f"trainer.class_weight={wanted}: data={data.name} is a regression and has no classes")
    if wanted == "balanced":
        counts = np.bincount(data.train.y.ravel(), minlength=data.classes)
        return {i: float(len(data.train) / (data.classes * count)) if count else 0.0 for i, count in enumerate(counts)}
    if isinstance(wanted, str):
        raise UsageError(f"trainer.class_weight={wanted}: use balanced, null, or {{class: weight}}")
    names = {name: i for i, name in enumerate(data.class_names)}
    weights = {names.get(str(key), key): float(value) for key, value in wanted.items()}
    if unknown := [key for key in weights if key not in range(data.classes)]:
        raise UsageError(f"trainer.class_weight: classes are 0 to {data.classes - 1}, not {unknown}")
    return {i: weights.get(i, 1.0) for i in range(data.classes)}
