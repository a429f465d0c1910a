"""A classifier's outputs as probabilities of classes, beside the classes that are true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax  # type: ignore[import-untyped]


class Unfit(ValueError):
    """Outputs and targets are not such as the numbers are made of."""


@dataclass(frozen=True)
class Classified:
    """Examples that were classified.

    Attributes:
        names: Of the classes.
        true, chosen: Classes, int64 `(n,)`.
        shares: Of each class, float64 `(n, classes)`: probabilities, or scores by which examples can be ordered.
        probable: Whether they are probabilities.
        rows: Which of the outputs given these are, int64 `(n,)`: those that are numbers.
        lost: How many were not.
    """

    names: tuple[str, ...]
    true: NDArray[np.int64]
    chosen: NDArray[np.int64]
    shares: NDArray[np.float64]
    probable: bool
    rows: NDArray[np.int64]
    lost: int = 0

    @classmethod
    def of(
        cls, given: NDArray[Any], targets: NDArray[Any], scores: str, classes: int, names: Sequence[str] = ()
    ) -> Classified:
        """From what a network gives.

        Args:
            given: Outputs `(n, classes)`, or `(n, 1)` of the second of two classes.
            targets: Class indices `(n,)` or `(n, 1)`, or one-hot `(n, classes)`.
            scores: What the outputs are: `probabilities`, `logits` or other `scores`.
            classes: How many.
            names: Theirs.

        Raises:
            Unfit: There are other outputs than classes, several labels an example, or no number.
        """
        rows = np.asarray(given, np.float64)
        two = rows.shape[1] == 1 and classes == 2
        if not two and rows.shape[1] != classes:
            raise Unfit(f"the model gives {rows.shape[1]} outputs, the data have {classes} classes")
        true = _indices(np.asarray(targets), classes)
        finite = np.flatnonzero(np.isfinite(rows).all(axis=1))
        if not len(finite):
            raise Unfit("the model gives no numbers")
        rows = rows[finite]
        if two:
            second = expit(rows) if scores == "logits" else rows
            shares = np.concatenate([1.0 - second, second], axis=1)
            chosen = (second[:, 0] > 0.5).astype(np.int64)
        else:
            shares = softmax(rows, axis=1) if scores == "logits" else rows
            chosen = shares.argmax(axis=1)
        labels = tuple(map(str, names)) if len(names) == classes else tuple(map(str, range(classes)))
        return cls(labels, true[finite], chosen, shares, scores != "scores", finite, len(given) - len(finite))

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The share of the chosen class, `(n,)`."""
        return np.take_along_axis(self.shares, self.chosen[:, None], axis=1)[:, 0]

    @property
    def share_of_true(self) -> NDArray[np.float64]:
        """The share of the true class, `(n,)`."""
        return np.take_along_axis(self.shares, self.true[:, None], axis=1)[:, 0]


def _indices(targets: NDArray[Any], classes: int) -> NDArray[np.int64]:
    if targets.ndim == 2 and targets.shape[1] == classes > 1:
        if not (np.isin(targets, (0, 1)).all() and (targets.sum(axis=1) == 1).all()):
            raise Unfit("an example has several labels, or shares of them")
        return np.asarray(targets.argmax(axis=1), np.int64)
    if targets.dtype.kind not in "iufb" or targets.size != len(targets):
        raise Unfit(f"targets are {targets.dtype} of the shape {targets.shape[1:]}, no classes")
    if targets.dtype.kind == "f" and not (np.isfinite(targets).all() and (targets == np.round(targets)).all()):
        raise Unfit("targets are shares or have gaps, and name no class")
    true = targets.reshape(-1).astype(np.int64)
    if len(true) and (true.min() < 0 or true.max() >= classes):
        raise Unfit(f"targets go from {true.min()} to {true.max()}, the data have {classes} classes")
    return true
