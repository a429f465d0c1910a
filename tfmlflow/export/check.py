"""An export against its original, on the same inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmlflow.predictor.preparation import Preparation


@dataclass(frozen=True)
class Difference:
    """How far two sets of outputs are from each other.

    Attributes:
        largest: Of an output, absolute; infinite where the names, the shapes or what is no number differ.
        relative: The same as a share of the largest output, where that is above 1.
        place: The example at which it is, and the output's name.
        equal, labels: How many examples have the same label, of how many; 0 of 0 where there are none.
    """

    largest: float
    relative: float
    place: str
    equal: int = 0
    labels: int = 0

    def within(self, tolerance: float) -> bool:
        """Whether it is as small as that, and all labels are equal."""
        return self.relative <= tolerance and self.equal == self.labels


def compare(
    original: Mapping[str, NDArray[Any]], export: Mapping[str, NDArray[Any]], preparation: Preparation | None
) -> Difference:
    """Compare outputs `(n, ...)` by name."""
    worst, equal, labels = Difference(0.0, 0.0, ""), 0, 0
    if set(original) != set(export):
        return Difference(np.inf, np.inf, f"outputs {', '.join(sorted(export))}")
    for name, one in original.items():
        other = np.asarray(export[name])
        if one.shape != other.shape:
            return Difference(np.inf, np.inf, f"{name}, of the shape {other.shape} and not {one.shape}")
        found = _of_arrays(name, np.asarray(one, np.float64), np.asarray(other, np.float64))
        worst = found if found.relative > worst.relative or not worst.place else worst
        if len(original) == 1 and (mine := label(one, preparation)) is not None:
            theirs = label(other, preparation)
            equal, labels = int((mine == theirs).sum()), len(mine)
    return Difference(worst.largest, worst.relative, worst.place, equal, labels)


def label(outputs: NDArray[Any], preparation: Preparation | None) -> NDArray[np.int64] | None:
    """The place of each example's class, `(n,)`; None where outputs are no classes."""
    if preparation is None or preparation.task == "regression" or outputs.ndim != 2:
        return None
    if outputs.shape[1] > 1:
        found: NDArray[np.int64] = outputs.argmax(axis=1)
        return found
    return np.asarray(outputs[:, 0] > (0.0 if preparation.scores == "logits" else 0.5), np.int64)


def _of_arrays(name: str, one: NDArray[np.float64], other: NDArray[np.float64]) -> Difference:
    if not one.size:
        return Difference(0.0, 0.0, name)
    with np.errstate(invalid="ignore"):
        apart = np.abs(one - other)
    apart[(one == other) | (np.isnan(one) & np.isnan(other))] = 0.0
    apart[np.isnan(apart)] = np.inf  # a number here, none there
    example = int(apart.reshape(len(apart), -1).max(axis=1).argmax())
    known = np.abs(one[np.isfinite(one)])
    scale = max(1.0, float(known.max())) if known.size else 1.0
    largest = float(apart.max())
    return Difference(largest, largest / scale, f"{name} of example {example}")
