"""Which configurations differ beyond what seeds do: Welch's t-test, corrected by Holm."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from tfmlflow.analysis.groups import Group

SEEDS = 3  # at least, of each configuration
MOST = 10  # configurations that are compared with each other, the best
LEVEL = 0.05


@dataclass(frozen=True)
class Difference:
    """Two configurations.

    Attributes:
        first, second: Places in the list of configurations; `first` is the better.
        by: Mean of the first minus mean of the second.
        low, high: Its 95 % confidence interval, by itself (not corrected).
        p: Two-sided, corrected for the number of comparisons; 1 where no seed changes anything.
    """

    first: int
    second: int
    by: float
    low: float
    high: float
    p: float

    @property
    def significant(self) -> bool:
        """Whether chance is an unlikely explanation."""
        return self.p < LEVEL


@dataclass(frozen=True)
class Verdict:
    """All differences, and the rule or the reason why there are none."""

    differences: tuple[Difference, ...]
    said: str


def judge(groups: Sequence[Group]) -> Verdict:
    """Compare the best configurations that have at least three seeds, each with each."""
    eligible = [index for index, group in enumerate(groups) if len(group.values) >= SEEDS]
    if len(eligible) < 2:
        most = max((len(group.values) for group in groups), default=0)
        said = f"too few seeds to tell: two configurations need {SEEDS} completed seeds each"
        return Verdict((), f"{said}; one has them" if eligible else f"{said}; here there are at most {most}")
    compared = eligible[:MOST]
    pairs = list(itertools.combinations(compared, 2))
    raw = [_welch(groups[first].values, groups[second].values) for first, second in pairs]
    corrected = holm([p for *_, p in raw])
    differences = tuple(
        Difference(first, second, by, low, high, p)
        for (first, second), (by, low, high, _), p in zip(pairs, raw, corrected, strict=True)
    )
    left = f"; the best {MOST} of {len(eligible)}" if len(eligible) > MOST else ""
    said = f"Welch's t-test over seeds, Holm-corrected for {len(pairs)} comparison{'s' * (len(pairs) > 1)}{left}"
    return Verdict(differences, said)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Scandinavian Journal of Statistics 6, 1979)."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected, highest = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def _welch(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float, float]:
    """Difference of means, its interval, p."""
    from scipy import stats  # type: ignore[import-untyped]

    by = math.fsum(first) / len(first) - math.fsum(second) / len(second)
    if max(first) == min(first) and max(second) == min(second):
        return by, by, by, 1.0  # the seed changes nothing, so there is nothing to measure a difference by
    result = stats.ttest_ind(first, second, equal_var=False)
    interval = result.confidence_interval(0.95)
    return by, float(interval.low), float(interval.high), float(result.pvalue)
