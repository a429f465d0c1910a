"""What somebody's `fit` was called with: read off its frame, since Keras tells callbacks of epochs and steps alone."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

DEEPEST = 12  # frames between a callback and `fit`


@dataclass(frozen=True)
class FitCall:
    """Arguments of a `fit`, None where they are not known.

    Attributes:
        x, y: The data: arrays, tensors, or whatever Keras takes.
        batch_size: Examples a step; Keras's default is 32 for arrays.
        settings: What else a run is told of: class_weight, validation_split, shuffle.
        validation: Held-out x and y, given or split off; y is None where they come together.
    """

    x: Any = None
    y: Any = None
    batch_size: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    validation: tuple[Any, Any] | None = None

    @property
    def examples(self) -> int | None:
        """How many there are to train on, before a validation split."""
        size = getattr(first(self.x), "shape", (None,))
        return int(size[0]) if size and size[0] is not None else None


def read(model: Any, depth: int = 1) -> FitCall:
    """The `fit` of `model` that calls; nothing known if it is not among the callers."""
    frame: FrameType | None = sys._getframe(depth)
    for _ in range(DEEPEST):
        if frame is None:
            break
        known = frame.f_locals
        if frame.f_code.co_name == "fit" and known.get("self") is model:
            x, given = known.get("x"), known.get("batch_size")
            default = 32 if _is_array(first(x)) else None
            names = ("class_weight", "validation_split", "shuffle")
            settings = {name: known[name] for name in names if known.get(name) not in (None, 0.0)}
            held_out = known.get("validation_data")
            pair = isinstance(held_out, tuple | list) and len(held_out) > 1
            validation = None if held_out is None else (held_out[0], held_out[1]) if pair else (held_out, None)
            return FitCall(x, known.get("y"), given if isinstance(given, int) else default, settings, validation)
        frame = frame.f_back
    return FitCall()


def first(data: Any) -> Any:
    """The first array of several inputs."""
    while isinstance(data, Mapping | list | tuple) and data:
        data = next(iter(data.values())) if isinstance(data, Mapping) else data[0]
    return data


def arrays(data: Any) -> list[np.ndarray[Any, Any]]:
    """All arrays of inputs or targets that are held in memory; empty if they are anything else."""
    if isinstance(data, Mapping):
        return [one for _, each in sorted(data.items(), key=lambda item: str(item[0])) for one in arrays(each)]
    if isinstance(data, list | tuple):
        return [one for each in data for one in arrays(each)]
    return [np.asarray(data)] if _is_array(data) else []


def _is_array(data: Any) -> bool:
    return hasattr(data, "__array__") and hasattr(data, "shape") and not hasattr(data, "element_spec")
