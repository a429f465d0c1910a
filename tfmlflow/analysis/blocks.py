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
        covariance: Of the means `(k, k)`, in units of the residual variance.
        residuals: `(k, seeds)`, NaN where there is no run.
        df: Degrees of freedom of the residuals.
    """

    means: Array
    covariance: Array
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
    rows, columns = np.nonzero(known)
    parts = [np.eye(count)[rows]]
    if seeds > 1 and _connected(known):
        blocks = np.vstack([np.eye(seeds - 1), -np.ones(seeds - 1)])  # their effects have the sum 0
        parts.append(blocks[columns])
    design = np.hstack(parts)
    inverse = np.linalg.pinv(design.T @ design)
    found = values[known]
    solution = inverse @ design.T @ found
    residuals = np.full(values.shape, np.nan)
    residuals[known] = found - design @ solution
    df = len(found) - int(np.linalg.matrix_rank(design))
    return Fit(np.asarray(solution[:count]), np.asarray(inverse[:count, :count]), residuals, df)


def _connected(known: NDArray[np.bool_]) -> bool:
    reached, pending = {0}, [0]
    while pending:
        for seed in np.nonzero(known[pending.pop()])[0]:
            fresh = set(np.nonzero(known[:, seed])[0].tolist()) - reached
            reached |= fresh
            pending += fresh
    return len(reached) == len(known)


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
