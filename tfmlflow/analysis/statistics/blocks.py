"""What configurations reach, apart from what seeds do to all of them: a seed changes the split too."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """An additive model of configurations and seeds.

    Attributes:
        means: Of each configuration `(k,)`, as if each had all seeds.
        scales: Variances of the means `(k,)`, in units of the residual variance.
        shared: Covariances of the first mean with each `(k,)`, in the same units.
        residuals: `(k, seeds)`, NaN where there is no run.
        df: Degrees of freedom of the residuals.
    """

    means: Array
    scales: Array
    shared: Array
    residuals: Array
    df: int


def fit(values: Array) -> Fit:
    """Least squares.

    Args:
        values: `(k, seeds)`, NaN where there is no run. Where seeds do not connect all configurations, each is by
            itself.
    """
    known = np.isfinite(values)
    count, seeds = values.shape
    runs, filled = known.sum(axis=1), np.where(known, values, 0.0)
    means = filled.sum(axis=1) / runs
    scales, shared, effects, rank = 1.0 / runs, np.zeros(count), np.zeros(seeds), count
    shared[0] = scales[0]
    if seeds > 1 and _connected(known):
        # Normal equations with the configurations eliminated: as large as there are seeds, however many those are.
        shares = known / runs[:, None]
        inverse = np.linalg.pinv(
            np.diag(known.sum(axis=0).astype(float)) - known.T @ shares, rcond=1e-9, hermitian=True
        )
        effects = inverse @ (filled.sum(axis=0) - known.T @ means)
        means, rank = means - shares @ effects, count + seeds - 1
        through = shares @ inverse
        scales, shared = scales + (through * shares).sum(axis=1), shared + shares @ through[0]
    residuals = np.where(known, values - means[:, None] - effects, np.nan)
    return Fit(means, scales, shared, residuals, int(known.sum()) - rank)


def _connected(known: NDArray[np.bool_]) -> bool:
    """Whether seeds lead from each configuration to all others."""
    reached = known[0]
    while True:
        rows = known[:, reached].any(axis=1)
        more = known[rows].any(axis=0)
        if (more == reached).all():
            return bool(rows.all())
        reached = more


def moderated(variances: Array, df: Array) -> tuple[Array, Array]:
    """Variances drawn towards each other as far as they look alike, and their degrees of freedom.

    Args:
        variances: Of each configuration.
        df: Their degrees of freedom.

    Source: G. K. Smyth, Linear models and empirical Bayes methods for assessing differential expression in microarray
    experiments, Statistical Applications in Genetics and Molecular Biology 3, 2004.
    """
    from scipy import special  # type: ignore[import-untyped]

    pooled = float(np.average(variances, weights=df))
    alike = np.full(len(variances), pooled), np.full(len(variances), float(df.sum()))
    usable = (variances > 0) & (df > 0)
    if usable.sum() < 3:
        return alike
    logs = np.log(variances[usable]) - special.digamma(df[usable] / 2) + np.log(df[usable] / 2)
    extra = float(logs.var(ddof=1) - special.polygamma(1, df[usable] / 2).mean())
    if extra <= 0:
        return alike
    prior_df = 2 * _inverse_trigamma(extra)
    prior = math.exp(float(logs.mean()) + float(special.digamma(prior_df / 2)) - math.log(prior_df / 2))
    return (prior_df * prior + df * variances) / (prior_df + df), prior_df + df


def _inverse_trigamma(value: float) -> float:
    from scipy import optimize, special

    solve: Any = optimize.brentq
    return float(solve(lambda x: float(special.polygamma(1, x)) - value, 1e-6, 1e8))
