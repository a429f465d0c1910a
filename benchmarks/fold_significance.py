"""How often two equally good learners are told apart on the overlapping folds of a cross-validation.

    python benchmarks/fold_significance.py [--repetitions 1000] [--quick]

Each example has features of its own for each learner, which say equally much of its class and are drawn alike, so
that in expectation all learners are equally good whatever they are trained on: the best may be told from all others
in 5 % of repetitions at most. The last number of each cell is how often one is told that sees twice as much. Learners
are linear, by least squares with a little ridge, so that a repetition takes milliseconds. Beside ours: the same
without the correction, and the paired t-test, both as if folds were independent. `±` is one standard error.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import stats
from sklearn.model_selection import StratifiedKFold

from tfmlflow.analysis.statistics import significance

LEVEL = 0.05
FEATURES = 5  # of each learner
RIDGE = 1.0
Test = Callable[[Any, int], bool]


def accuracies(chance: np.random.Generator, examples: int, folds: int, seeds: int, effects: list[float]) -> Any:
    """Validation accuracies `(learners, seeds * folds)` on one data set."""
    y = np.arange(examples) % 2
    x = [chance.normal(size=(examples, FEATURES)) + effect * (2 * y - 1)[:, None] for effect in effects]
    x = [np.hstack([one, np.ones((examples, 1))]) for one in x]
    found = np.empty((len(effects), seeds * folds))
    for seed in range(seeds):
        parts = StratifiedKFold(folds, shuffle=True, random_state=int(chance.integers(2**31)))
        for fold, (train, held) in enumerate(parts.split(x[0], y)):
            for row, one in enumerate(x):
                mine = one[train]
                weights = np.linalg.solve(mine.T @ mine + RIDGE * np.eye(mine.shape[1]), mine.T @ (2.0 * y[train] - 1))
                found[row, seed * folds + fold] = ((one[held] @ weights > 0) == (y[held] == 1)).mean()
    return found


def ours(values: Any, folds: int) -> bool:
    return all(p < LEVEL for *_, p, _ in significance.compared(values, 1 / (folds - 1)))


def uncorrected(values: Any, folds: int) -> bool:
    return all(p < LEVEL for *_, p, _ in significance.compared(values))


def paired(values: Any, folds: int) -> bool:
    """The best against each other one; p over all pairs is not corrected."""
    if (values == values[0]).all():
        return False
    with np.errstate(divide="ignore", invalid="ignore"):
        return all(float(stats.ttest_rel(values[0], other).pvalue) < LEVEL for other in values[1:])


def share(
    test: Test, repetitions: int, examples: int, folds: int, seeds: int, effects: list[float]
) -> tuple[float, float]:
    """In which share of repetitions the best is told from all others, and its standard error."""
    chance, told = np.random.default_rng(0), 0
    for _ in range(repetitions):
        values = accuracies(chance, examples, folds, seeds, effects)
        told += test(values[np.argsort(-values.mean(axis=1))], folds)
    rate = told / repetitions
    return rate, math.sqrt(max(rate * (1 - rate), 1 / repetitions) / repetitions)


def lines(quick: bool) -> Iterator[tuple[int, int, int, int]]:
    """(examples, folds, seeds, learners)."""
    yield from [(100, 5, 1, 2)] if quick else []
    if not quick:
        for examples in (100, 400):
            yield from [(examples, 5, 1, 2), (examples, 10, 1, 2), (examples, 5, 5, 2), (examples, 10, 10, 2)]
        yield from [(200, 5, 1, 5), (200, 5, 3, 5)]


def main() -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    tests: dict[str, Test] = {"ours": ours, "ours, not corrected": uncorrected, "paired t": paired}
    print("equal learners told apart, %; and one that is better, %")
    print(f"{'examples':>8} {'folds':>5} {'seeds':>5} {'learners':>8}  " + "  ".join(f"{name:>21}" for name in tests))
    for examples, folds, seeds, learners in lines(given.quick):
        cells = []
        repetitions = max(50, given.repetitions // max(1, folds * seeds * learners // 20))
        for test in tests.values():
            rate, error = share(test, repetitions, examples, folds, seeds, [0.3] * learners)
            power, _ = share(test, max(50, repetitions // 4), examples, folds, seeds, [0.6] + [0.3] * (learners - 1))
            cells.append(f"{100 * rate:6.1f} ± {100 * error:3.1f}, {100 * power:5.0f}")
        print(
            f"{examples:8} {folds:5} {seeds:5} {learners:8}  " + "  ".join(f"{cell:>21}" for cell in cells), flush=True
        )


if __name__ == "__main__":
    main()
