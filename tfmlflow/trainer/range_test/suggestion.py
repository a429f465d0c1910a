"""What the losses of a range test say: at which learning rate they fall fastest, and where they are lowest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIDTH = 0.03  # of the bell that losses are smoothed by, as a share of all steps
FALL = 3.0  # times the scatter of the losses at the lowest rates, that a fall must be
FEW = 0.2  # share of the steps that are taken for the lowest rates
LEAST = 10  # steps that say anything
HIGH = (
    4.0  # times the first losses, above which a loss counts as so much: one that explodes would be smeared over others
)


@dataclass(frozen=True)
class Suggestion:
    """What was found.

    Attributes:
        smoothed: Losses without their scatter, `(n,)`.
        steepest: Learning rate at which they fall fastest; None where they fall nowhere.
        lowest: At which they are lowest.
        why: There is no suggestion; empty if there is one.
    """

    smoothed: NDArray[np.float64]
    steepest: float | None = None
    lowest: float | None = None
    why: str = ""


def suggested(rates: Sequence[float], losses: Sequence[float]) -> Suggestion:
    """Find the learning rate at which the loss falls fastest.

    Args:
        rates: Of each step, growing exponentially.
        losses: Of the weights before each step; the last may be no number.

    Source: L. N. Smith, Cyclical Learning Rates for Training Neural Networks, WACV 2017, whose test looks where the
    accuracy begins to rise; the steepest fall of the loss is how it is read since.
    """
    from scipy.ndimage import gaussian_filter1d  # type: ignore[import-untyped]

    known = np.asarray(losses, dtype=float)
    finite = int(np.argmin(np.isfinite(known))) if not np.isfinite(known).all() else len(known)
    if finite < LEAST:
        return Suggestion(known[:finite], why=f"the loss was a number for {finite} steps only; begin at a lower rate")
    known = known[:finite]
    few = max(LEAST // 2, round(FEW * finite))
    first = float(np.median(known[:few]))
    smoothed = gaussian_filter1d(
        np.minimum(known, first + (HIGH - 1) * abs(first)), max(1.0, WIDTH * finite), mode="nearest"
    )
    scatter = float(np.std(known[:few] - smoothed[:few]))
    least = int(np.argmin(smoothed))
    if smoothed[: least + 1].max() - smoothed[least] <= max(FALL * scatter, 1e-3 * abs(first)):
        return Suggestion(
            smoothed,
            why="the loss falls nowhere by more than its scatter; try more trainer.steps, or a larger batch",
        )
    slopes = np.gradient(smoothed)[: least + 1]  # the rates are evenly spaced on a logarithmic scale
    steepest = int(np.argmin(slopes))
    return Suggestion(smoothed, float(rates[steepest]), float(rates[least]))
