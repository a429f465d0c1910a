"""A phase of a training: which layers begin to be trained, when, and at which rate."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from tfmlflow.config.nearest import did_you_mean
from tfmlflow.errors import UsageError
from tfmlflow.models.units import weighted

ALL = "all"


@dataclass(frozen=True)
class Unfreezing:
    """Layers that begin to be trained with an epoch.

    Attributes:
        epoch: From 1.
        layers: `all`, beginnings of names, or patterns.
        factor: Their rate, times the optimizer's.
        batch_norm: Whether their batch normalization is trained, too; else it keeps what it has learned.
    """

    epoch: int
    layers: tuple[str, ...]
    factor: float = 1.0
    batch_norm: bool = False

    @classmethod
    def all_of(cls, entries: Sequence[Mapping[str, Any]], learning_rate: float) -> list[Unfreezing]:
        """From `trainer.unfreeze`, in the order of their epochs.

        Args:
            entries: As they were given, and checked.
            learning_rate: Of the optimizer, at full height.
        """
        return sorted((cls._of(entry, learning_rate) for entry in entries), key=lambda one: one.epoch)

    @classmethod
    def _of(cls, entry: Mapping[str, Any], learning_rate: float) -> Unfreezing:
        named, rate = entry["layers"], entry.get("learning_rate")
        factor = float(entry.get("factor") or 1.0) if rate is None else rate / learning_rate
        layers = (named,) if isinstance(named, str) else tuple(named)
        return cls(entry["epoch"], layers, factor, bool(entry.get("batch_norm", False)))

    def has(self, path: str) -> bool:
        """Whether a layer, by its path such as `vgg16/block5_conv1`, is meant."""
        return any(matches(one, path) for one in self.layers)

    def trains(self, path: str, norm: bool) -> bool:
        """Whether a layer is meant and is to be trained; `norm`: it is batch normalization."""
        return self.has(path) and (self.batch_norm or not norm)


def matches(pattern: str, path: str) -> bool:
    """Whether a layer is meant by `all`, by a pattern, or by how its name or that of a model it is in begins.

    A beginning that ends with a digit stands for a whole number: `block1` is not `block10_conv`.

    Example:
        >>> [matches("block1", path) for path in ("vgg16/block1_conv1", "xception/block10_sepconv1")]
        [True, False]
    """
    if pattern == ALL:
        return True
    parts = path.split("/")
    names = [*parts, *("/".join(parts[:count]) for count in range(2, len(parts) + 1))]
    if any(sign in pattern for sign in "*?["):
        return any(fnmatch.fnmatchcase(name, pattern) for name in names)
    return any(
        name.startswith(pattern) and not (pattern[-1].isdigit() and name[len(pattern) : len(pattern) + 1].isdigit())
        for name in names
    )


def require_meant(unfreezing: Sequence[Unfreezing], model: keras.Model) -> None:
    """Refuse patterns that no layer of a model is meant by.

    Raises:
        UsageError: Names the pattern, and layers that there are.
    """
    layers = {unit.path: is_norm(unit.layer) for unit in weighted(model)}
    for one in unfreezing:
        for pattern in one.layers:
            found = [norm for path, norm in layers.items() if matches(pattern, path)]
            if not found:
                names = list(dict.fromkeys(part for path in layers for part in path.split("/")))
                few = [*names[:4], "...", *names[-4:]] if len(names) > 9 else names
                raise UsageError(
                    f"trainer.unfreeze: layers={pattern}: no layer with weights is called so"
                    f"{did_you_mean(pattern, names)}; they are {', '.join(few)}"
                )
            if all(found) and not one.batch_norm:
                raise UsageError(
                    f"trainer.unfreeze: layers={pattern}: is batch normalization alone, which stays as it is unless "
                    "the phase has batch_norm: true"
                )


def is_norm(layer: keras.layers.Layer) -> bool:
    """Whether it is batch normalization, whose statistics change while it is trained."""
    return isinstance(layer, keras.layers.BatchNormalization)
