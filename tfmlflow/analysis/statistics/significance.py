"""Whether the best configuration is better than the others beyond what seeds do.

Configurations that have run with the same seeds share what the seeds do to them (a seed changes the split too), so that
is taken out first. What is left is compared with its spread: that of all configurations together as far as they look
alike, but never less than the best one's own.

The best was chosen for being the best. Whether it is the best of all is told by two-sided t-tests, all of which must
say so, that of the nearest rival too (Gutmann and Maymin). From which others it is told where it is not is for
Dunnett's comparison, step by step: the farthest of k is tested as one of k, the next as one of k - 1, and so on.
`benchmarks/significance.py` measures how often noise is called a winner, and what is found.

Folds of a cross-validation are not independent as seeds are: what one is trained on is for the most part what the
others are trained on. The variance of a mean of J folds is taken for (1/J + n_test/n_train) of what one fold has, in
place of 1/J. With k folds n_test/n_train is 1/(k - 1); more seeds, each with folds of its own, make J larger and not
that. Of two configurations this is the corrected resampled t-test (Nadeau and Bengio);
`benchmarks/fold_significance.py` measures it.

Sources: S. Gutmann and Z. Maymin, Is the selected population the best?, The Annals of Statistics 15, 1987. C. Nadeau
and Y. Bengio, Inference for the generalization error, Machine Learning 52, 2003; with several seeds R. Bouckaert and
E. Frank, Evaluating the replicability of significance tests for comparing learning algorithms, PAKDD 2004.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfmlflow.analysis.runs.groups import Group
from tfmlflow.analysis.statistics import blocks, dunnett

SEEDS = 3  # at least, of two configurations
LEAST = 2  # of each further one that is compared with them
LEVEL = 0.05
POWER = 0.84  # standard deviations between the critical value and a difference that is found in 80 % of cases
MOST_SEEDS = 100  # that are thought of
Array = NDArray[np.float64]
Compared = tuple[float, float, float, float, int | None]


@dataclass(frozen=True)
class Difference:
    """Two configurations.

    Attributes:
        first, second: Places in the list of configurations; `first` is the best.
        by: Mean of the first minus mean of the second.
        low, high: The interval that holds the true difference in 95 % of cases, each by itself.
        p: Two-sided, for all comparisons at once; 1 where no seed changes anything.
        seeds: How many of each would probably tell them apart, None where it is not known or more than 100; of a
            cross-validation, folds of all seeds.
    """

    first: int
    second: int
    by: float
    low: float
    high: float
    p: float
    seeds: int | None = None

    @property
    def significant(self) -> bool:
        """Whether chance is an unlikely explanation."""
        return self.p < LEVEL


@dataclass(frozen=True)
class Verdict:
    """The differences of the best from the others, and the rule or the reason why there are none.

    Attributes:
        differences: Of the best from each other one.
        said: The rule, or the reason.
        unit: What each configuration has several of: seeds or folds.
    """

    differences: tuple[Difference, ...]
    said: str
    unit: str = "seeds"


def judge(groups: Sequence[Group], mode: str | None = None) -> Verdict:
    """Compare the best configuration with all others that have enough seeds.

    Args:
        groups: The best first.
        mode: min or max. A difference that says of what both have run that the first is the worse one is not told.
    """
    whole = [group for group in groups if len(group.values) >= SEEDS]
    overlap = overlap_of(groups)
    unit = "folds" if overlap else "seeds"
    if len(whole) < 2:
        most = max((len(group.values) for group in groups), default=0)
        said = f"too few {unit} to tell: two configurations need {SEEDS} completed {unit} each"
        return Verdict((), f"{said}; one has them" if whole else f"{said}; here there are at most {most}", unit)
    eligible = [index for index, group in enumerate(groups) if len(group.values) >= LEAST]
    values, shared = _table([groups[index] for index in eligible])
    found = compared(values, overlap)
    differences = tuple(
        _agreeing(Difference(eligible[0], index, *one), mode) for index, one in zip(eligible[1:], found, strict=True)
    )
    how = f"the same {unit} compared with each other" if shared else f"{unit} of their own"
    how += f", corrected for their overlap (n_test/n_train = {overlap:.3g})" if overlap else ""
    others = f"{len(found)} other{'s' * (len(found) > 1)}"
    return Verdict(differences, f"the best against {others}, {how}; t-tests of the best, Dunnett's of the rest", unit)


def _agreeing(found: Difference, mode: str | None) -> Difference:
    worse = (mode == "min" and found.by > 0) or (mode == "max" and found.by < 0)
    return replace(found, p=1.0, seeds=None) if worse else found


def overlap_of(groups: Sequence[Group]) -> float:
    """Examples that are tested on for each that is trained on, of folds; 0 without.

    Where configurations have different folds, the largest: they are compared by the more careful one.
    """
    return max((1 / (group.folds - 1) for group in groups if group.folds), default=0.0)


def _table(groups: Sequence[Group]) -> tuple[Array, bool]:
    """What each configuration reached with each seed, and whether others have run with seeds of the first.

    Runs whose seed nobody said share none with those of another configuration.
    """
    columns: dict[tuple[str, int], int] = {}
    places: list[list[int]] = []
    for row, group in enumerate(groups):
        counted: dict[str, int] = {}
        mine = []
        for block in group.blocks or [""] * len(group.values):
            counted[block] = counted.get(block, 0) + 1
            key = (block or f"\0{row}", counted[block])
            mine.append(columns.setdefault(key, len(columns)))
        places.append(mine)
    values = np.full((len(groups), len(columns)), np.nan)
    for row, (group, mine) in enumerate(zip(groups, places, strict=True)):
        values[row, mine] = group.values
    known = np.isfinite(values)
    return values, bool((known[:, known[0]].sum(axis=0) > 1).any())


def compared(values: Array, overlap: float = 0.0) -> list[Compared]:
    """The first row with each other one: difference, low, high, p, seeds that would tell.

    Args:
        values: `(k, seeds)`, or folds of all seeds in place of seeds, NaN where there is no run.
        overlap: n_test/n_train of folds, 0 of seeds: added to the variance of each mean, in units of the residual one.
    """
    fitted = blocks.fit(values)
    fitted = replace(fitted, scales=fitted.scales + overlap)
    counts = np.isfinite(values).sum(axis=1)
    by = fitted.means[0] - fitted.means[1:]
    squares = np.nansum(fitted.residuals**2, axis=1)
    largest = float(np.nanmax(np.abs(values))) or 1.0
    if fitted.df <= 0 or squares.sum() <= (1e-12 * largest) ** 2:
        return [(float(d), float(d), float(d), 1.0, None) for d in by]  # nothing to measure a difference by
    df = (counts - 1) * fitted.df / max(1, int((counts - 1).sum()))
    own = squares / np.maximum(df, 1e-9)
    variances, degrees = blocks.moderated(own, df)
    if own[0] > variances[0] and len(values) > 2:
        variances, degrees = variances.copy(), degrees.copy()
        variances[0], degrees[0] = own[0], df[0]
    spread = variances * fitted.scales
    shares = np.minimum(0.98, spread[0] / (spread[0] + spread[1:]))
    alike = bool(np.allclose(variances, variances[0]))
    deviations, freedoms = np.empty(len(by)), np.empty(len(by))
    for j in range(1, len(values)):
        if alike:
            scale = fitted.scales[0] + fitted.scales[j] - 2 * fitted.shared[j]
            error, freedom = float(variances[0] * scale), float(degrees[0])
        else:
            error = float(spread[0] + spread[j])
            freedom = error**2 / float(spread[0] ** 2 / degrees[0] + spread[j] ** 2 / degrees[j])
        deviations[j - 1], freedoms[j - 1] = math.sqrt(max(error, 1e-300)), freedom
    return _stepped_down(by, deviations, freedoms, np.round(shares, 2), counts, overlap)


def _stepped_down(
    by: Array, deviations: Array, freedoms: Array, shares: Array, counts: Array, overlap: float
) -> list[Compared]:
    """The farthest of k is tested as one of k, the next as one of k - 1, ..., unless the best is that of all."""
    from scipy import stats  # type: ignore[import-untyped]

    found: dict[int, Compared] = {}
    reach = stats.t.ppf(1 - LEVEL / 2, freedoms) * deviations
    statistics, before = np.abs(by) / deviations, 0.0
    of_all = float(np.max(2 * stats.t.sf(statistics, freedoms)))
    order = np.argsort(-statistics, kind="stable")
    for step, j in enumerate(order):
        rest = np.sort(shares[order[step:]]).tolist()
        before = max(before, dunnett.p_value(float(statistics[j]), rest, float(freedoms[j])))
        p, mean = min(before, of_all), float(counts[[0, j + 1]].mean())
        seeds = None if p < LEVEL else _seeds(abs(float(by[j])), float(deviations[j]), mean, len(by), overlap)
        found[int(j)] = (float(by[j]), float(by[j] - reach[j]), float(by[j] + reach[j]), p, seeds)
    return [found[j] for j in range(len(by))]


def _seeds(by: float, deviation: float, now: float, others: int, overlap: float) -> int | None:
    """How many seeds would probably tell, if the difference and the spread are what they seem to be."""
    if by == 0:
        return None
    from scipy import stats

    seeds = np.arange(int(now) + 1, MOST_SEEDS + 1)
    critical = stats.t.ppf(1 - LEVEL / 2, np.maximum(1, others * (seeds - 1)))
    enough = by / (deviation * np.sqrt((1 / seeds + overlap) / (1 / now + overlap))) >= critical + POWER
    return int(seeds[np.argmax(enough)]) if enough.any() else None
