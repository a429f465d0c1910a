"""Several comparisons with one: how seldom chance alone makes the largest of them so large."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

POINTS = 24  # of each of the two integrals
Array = NDArray[np.float64]


def p_value(t: float, shares: Sequence[float], df: float) -> float:
    """The probability that of the absolute values of correlated t statistics the largest is at least `t`.

    Args:
        t: Not negative.
        shares: For each comparison, the share that the common one has in the variance of the difference, below 1: their
            products are the correlations.
        df: Degrees of freedom of the variance.

    Source: C. W. Dunnett, A multiple comparison procedure for comparing several treatments with a control, Journal of
    the American Statistical Association 50, 1955; here two-sided, and with shares of any size.
    """
    nodes, weights = _normal()
    deviations, chances = _deviations(round(df, 1))
    share, counts = np.unique(np.asarray(shares, dtype=float), return_counts=True)
    common = np.sqrt(share) * nodes[:, None, None]
    reach = t * deviations[None, :, None]
    rest = np.sqrt(1 - share)
    inside = _cdf((common + reach) / rest) - _cdf((common - reach) / rest)
    within = weights @ np.prod(inside**counts, axis=-1) @ chances
    return float(min(1.0, max(0.0, 1 - within)))


@functools.cache
def _normal() -> tuple[Array, Array]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(POINTS)
    return nodes, weights / weights.sum()


@functools.lru_cache(256)
def _deviations(df: float) -> tuple[Array, Array]:
    """Standard deviations as they are estimated with so many degrees of freedom, and their weights.

    Small ones, which make large statistics, are looked at closely.
    """
    from scipy import stats  # type: ignore[import-untyped]

    if math.isinf(df):
        return np.ones(1), np.ones(1)
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    share = (nodes + 1) / 2
    chances = 2 * share**3 * weights
    return np.sqrt(stats.chi2.ppf(share**4, df) / df), chances / chances.sum()


def _cdf(values: Array) -> Any:
    from scipy import special

    return special.ndtr(values)
