"""How near predicted numbers are to the true ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmlflow.analysis.predictions.classified import Unfit

BINS = 30
DOTS = 1500  # examples in a picture


@dataclass(frozen=True)
class Regressed:
    """Numbers that were predicted.

    Attributes:
        true, predicted: float64 `(n, outputs)`.
        rows: Which of the outputs given these are, int64 `(n,)`: those that are numbers.
        lost: How many were not.
    """

    true: NDArray[np.float64]
    predicted: NDArray[np.float64]
    rows: NDArray[np.int64]
    lost: int = 0

    @classmethod
    def of(cls, given: NDArray[Any], targets: NDArray[Any]) -> Regressed:
        """From what a network gives, `(n, outputs)`.

        Raises:
            Unfit: Targets have another shape, or there is no number.
        """
        predicted = np.asarray(given, np.float64)
        true = np.asarray(targets)
        if true.dtype.kind not in "iuf" or true.size != predicted.size:
            raise Unfit(f"the model gives {predicted.shape[1]} outputs, a target has the shape {true.shape[1:]}")
        true = true.reshape(predicted.shape).astype(np.float64)
        finite = np.flatnonzero(np.isfinite(predicted).all(axis=1) & np.isfinite(true).all(axis=1))
        if not len(finite):
            raise Unfit("the model gives no numbers")
        return cls(true[finite], predicted[finite], finite, len(given) - len(finite))

    @property
    def residuals(self) -> NDArray[np.float64]:
        """Predicted minus true, `(n, outputs)`."""
        return self.predicted - self.true


def summary(of: Regressed, output: int) -> dict[str, float]:
    """Errors of an output, in the target's unit; R² is NaN of a target that is always the same."""
    from sklearn.metrics import max_error, mean_absolute_error, median_absolute_error, r2_score, root_mean_squared_error

    true, predicted = of.true[:, output], of.predicted[:, output]
    return {
        "mean absolute error": float(mean_absolute_error(true, predicted)),
        "root mean squared error": float(root_mean_squared_error(true, predicted)),
        "median absolute error": float(median_absolute_error(true, predicted)),
        "largest error": float(max_error(true, predicted)),
        "mean of predicted minus true": float((predicted - true).mean()),
        "R²": float(r2_score(true, predicted)) if len(true) > 1 and np.ptp(true) > 0 else float("nan"),
    }


def histogram(of: Regressed, output: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Counts of residuals, and the edges of their bins."""
    counts, edges = np.histogram(of.residuals[:, output], BINS)
    return counts, edges


def worst(of: Regressed, most: int) -> NDArray[np.int64]:
    """Rows of the largest errors, of several outputs by the largest, each in units of its target's spread."""
    spread = of.true.std(axis=0)
    size = (np.abs(of.residuals) / np.where(spread > 0, spread, 1.0)).max(axis=1)
    return np.argsort(-size, kind="stable")[:most]
