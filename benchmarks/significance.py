"""How often noise is called a winner, and how often a better configuration is found.

    python benchmarks/significance.py [--repetitions 200] [--quick]

Each line is a kind of results: its configurations and seeds, how often the best of equals was told from all others
(at most 5 % of repetitions may be), and how often one that is better by five standard deviations was. Beside ours:
Welch's t-test with Holm's correction over all pairs, and Tukey's HSD. `±` is one standard error.
"""

from __future__ import annotations

import argparse
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import stats

from tfmlflow.analysis.statistics import significance

KINDS = ("equal", "one noisy", "half noisy", "log-normal", "accuracy of 1000", "accuracy of 100")
SIZES = ((2, 3), (5, 3), (10, 3), (10, 5), (30, 3), (60, 3))
LEVEL = 0.05


def drawn(chance: np.random.Generator, kind: str, count: int, seeds: int, better: float, common: float) -> Any:
    """What configurations reach, less is better: `(count, seeds)`; the first is better by `better` deviations."""
    if kind.startswith("accuracy"):
        examples = int(kind.split()[-1])
        share = 0.8
        deviation = math.sqrt(share * (1 - share) / examples)
        shares = np.full((count, seeds), share)
        shares[0] += better * deviation
        shares = np.clip(shares + common * deviation * chance.normal(size=seeds), 0.01, 0.999)
        return -chance.binomial(examples, shares) / examples
    scale = np.ones(count)
    if kind == "one noisy":
        scale[chance.integers(1, count)] = 10
    if kind == "half noisy":
        scale[count // 2 :] = 5
    noise = chance.normal(size=(count, seeds))
    if kind == "log-normal":
        noise = (np.exp(noise) - math.exp(0.5)) / math.sqrt((math.e - 1) * math.e)
    values = noise * scale[:, None] + common * chance.normal(size=seeds)
    values[0] -= better
    return values


def ours(values: Any) -> bool:
    return all(p < LEVEL for *_, p, _ in significance.compared(values))


def welch(values: Any) -> bool:
    """The best against each other one, corrected by Holm for all pairs."""
    counts = np.isfinite(values).sum(axis=1)
    means, errors = np.nanmean(values, axis=1), np.nanvar(values, axis=1, ddof=1) / counts
    first, second = np.triu_indices(len(values), 1)
    error = errors[first] + errors[second]
    degrees = error**2 / (errors[first] ** 2 / (counts[first] - 1) + errors[second] ** 2 / (counts[second] - 1))
    found = 2 * stats.t.sf(np.abs(means[first] - means[second]) / np.sqrt(error), degrees)
    order = np.argsort(found)
    enough = found[order] * np.arange(len(found), 0, -1) < LEVEL
    rejected = np.zeros(len(found), bool)
    rejected[order[: len(found) if enough.all() else int(np.argmin(enough))]] = True
    return bool(rejected[first == 0].all())


def tukey(values: Any) -> bool:
    """The best against each other one by Tukey and Kramer's honest significance."""
    counts = np.isfinite(values).sum(axis=1)
    means, df = np.nanmean(values, axis=1), int(counts.sum()) - len(values)
    pooled = float(((counts - 1) * np.nanvar(values, axis=1, ddof=1)).sum()) / df
    reach = np.abs(means[1:] - means[0]) / np.sqrt(pooled / 2 * (1 / counts[0] + 1 / counts[1:]))
    return bool((reach > studentized(len(values), df)).all())


@functools.cache
def studentized(count: int, df: int) -> float:
    return float(stats.studentized_range.ppf(1 - LEVEL, count, df))


def share(
    test: Callable[[Any], bool], repetitions: int, better: float, missing: float, **how: Any
) -> tuple[float, float]:
    """In which share of repetitions the test tells the best from all others, and its standard error."""
    chance, told = np.random.default_rng(0), 0
    for _ in range(repetitions):
        values = drawn(chance, better=better, **how)
        gone = chance.random(values.shape) < missing
        gone[:, :2] = False
        values = np.where(gone, np.nan, values)
        told += test(values[np.argsort(np.nanmean(values, axis=1))])
    rate = told / repetitions
    return rate, math.sqrt(max(rate * (1 - rate), 1 / repetitions) / repetitions)


def lines(quick: bool) -> Iterator[tuple[str, int, int, float, float]]:
    """(kind, configurations, seeds, effect of the seed on all, share of missing runs)."""
    sizes = SIZES[:1] + SIZES[2:3] if quick else SIZES
    for count, seeds in sizes:
        for kind in KINDS:
            for common, missing in ((0.0, 0.0), (3.0, 0.0), (0.0, 0.2)) if not quick else ((3.0, 0.0),):
                yield kind, count, seeds, common, missing


def main() -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    peers = {"ours": ours, "Welch+Holm": welch, "Tukey": tukey}
    print(f"{'results':17} {'k':>3} {'n':>2} seed miss   " + "  ".join(f"{name:>25}" for name in peers))
    print(f"{'':33}" + "  ".join(f"{'false winner, power %':>25}" for _ in peers))
    worst = 0.0
    for kind, count, seeds, common, missing in lines(given.quick):
        cells = []
        for name, test in peers.items():
            how: dict[str, Any] = {"kind": kind, "count": count, "seeds": seeds, "common": common, "missing": missing}
            rate, error = share(test, given.repetitions * (5 if count == 2 else 1), 0.0, **how)
            power, _ = share(test, max(50, given.repetitions // 4), 5.0, **how)
            worst = max(worst, rate) if name == "ours" else worst
            cells.append(f"{100 * rate:6.1f} ± {100 * error:3.1f}, {100 * power:5.0f}     ")
        print(f"{kind:17} {count:3} {seeds:2} {common:4.0f} {missing:4.1f}   " + "  ".join(cells), flush=True)
    print(f"the most false winners of ours: {100 * worst:.1f} % (at most {100 * LEVEL:.0f} % wanted)")


if __name__ == "__main__":
    main()
