"""Folds of one configuration are one line, and what they share of their examples makes a difference less sure."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tfmlflow.analysis.comparison import Comparison
from tfmlflow.analysis.runs.groups import Group, group
from tfmlflow.analysis.runs.reached import Reached
from tfmlflow.analysis.runs.stored_run import StoredRun
from tfmlflow.analysis.statistics import significance
from tfmlflow.objective import Objective
from tfmlflow.vocabulary import Tag

LOSS = Objective.of("val/loss", "min")
NUMBERS = itertools.count()


def run(value: float, ours: bool = True, **params: object) -> tuple[StoredRun, float]:
    number = f"{next(NUMBERS):032x}"
    made = StoredRun(
        *(number, "mlp", "e", "1", "FINISHED", "completed", "", 0.0, 1.0),
        params={key.replace("__", "."): str(param) for key, param in params.items()},
        metrics={"val/loss": value},
        steps={},
        tags={Tag.FINGERPRINT: "f"} if ours else {},
        models=(),
        digest="d",
    )
    return made, value


def grouped(*runs: tuple[StoredRun, float]) -> list[Group]:
    reached = {one.run_id: Reached(value, 1) for one, value in runs}
    return group([one for one, _ in runs], reached, {}, LOSS)


def folded(rate: float, values: Any, folds: int = 5, **more: object) -> list[tuple[StoredRun, float]]:
    return [
        run(
            value,
            optimizer__learning_rate=rate,
            data__folds=folds,
            data__fold=fold,
            **{"seed": 0, "data__seed": 0} | more,
        )
        for fold, value in enumerate(values)
    ]


def test_folds_of_a_configuration_are_one_line() -> None:
    first, second = grouped(*folded(0.1, [1, 2, 3, 4, 5]), *folded(0.2, [2, 3, 4, 5, 6.5]))
    assert (first.mean, first.spread, len(first.values), first.folds) == (3.0, pytest.approx(2.5**0.5), 5, 5)
    assert first.settings == {"optimizer.learning_rate": "0.1"}
    assert second.mean == 4.1


def test_with_seeds_that_split_anew_there_are_as_many_more_values() -> None:
    runs = [one for seed in (1, 2) for one in folded(0.1, [1, 2, 3], 3, seed=seed, data__seed=seed)]
    (only,) = grouped(*runs)
    assert len(only.values) == 6
    assert only.blocks[0] == "data.fold=0 data.seed=1"


def test_seeds_on_the_same_split_are_repetitions_of_its_folds() -> None:
    runs = [one for seed in (1, 2) for one in folded(0.1, [seed, 2 * seed, 3 * seed], 3, seed=seed, data__seed=7)]
    (only,) = grouped(*runs)
    assert sorted(only.values) == [1.5, 3.0, 4.5]


@pytest.mark.parametrize(("folds", "seeds"), [(5, 1), (10, 1), (5, 4)])
def test_of_two_configurations_it_is_the_corrected_resampled_t_test(folds: int, seeds: int) -> None:
    chance = np.random.default_rng(folds + seeds)
    common = chance.normal(size=folds * seeds)
    values = np.array([common + chance.normal(0, 0.3, folds * seeds), common + chance.normal(0.4, 0.3, folds * seeds)])
    runs = []
    for rate, row in zip((0.1, 0.2), values, strict=True):
        for seed, of_seed in enumerate(row.reshape(seeds, folds)):
            runs += folded(rate, of_seed, folds, seed=seed, data__seed=seed)
    found = significance.judge(grouped(*runs))
    difference = values[0] - values[1]
    count = folds * seeds
    error = np.sqrt((1 / count + 1 / (folds - 1)) * difference.var(ddof=1))
    expected = 2 * stats.t.sf(abs(difference.mean()) / error, count - 1)
    assert found.differences[0].p == pytest.approx(expected, rel=0.05)
    reach = stats.t.ppf(0.975, count - 1) * error
    assert found.differences[0].high - found.differences[0].low == pytest.approx(2 * reach, rel=1e-6)
    assert found.differences[0].p > stats.ttest_rel(*values).pvalue
    assert found.unit == "folds"
    assert f"n_test/n_train = {1 / (folds - 1):.3g}" in found.said


def test_folds_and_none_are_ranked_apart() -> None:
    plain = [run(0.1, optimizer__learning_rate=0.1, data__folds="null", data__fold=0, seed=seed) for seed in range(3)]
    runs = [*folded(0.1, [1, 2, 3, 4, 5]), *plain]
    groups = grouped(*runs)
    comparison = Comparison(tuple(one for one, _ in runs), LOSS, {}, {}, tuple(groups))
    assert set(comparison.kinds) == {"5 folds", "no folds"}
    assert "not comparable" in comparison.significance.said


def test_folds_of_other_tools_are_known_by_their_param() -> None:
    runs = [
        run(value + depth, ours=False, depth=depth, fold=fold)
        for depth in (1, 2)
        for fold, value in enumerate([0.1, 0.2, 0.31])
    ]
    first, second = grouped(*runs)
    assert (len(first.values), first.folds, second.folds) == (3, 3, 3)
    assert "n_test/n_train = 0.5" in significance.judge([first, second]).said


def test_seeds_alone_are_judged_as_ever() -> None:
    runs = [
        run(value, optimizer__learning_rate=rate, data__folds="null", data__fold=0, seed=seed)
        for rate in (0.1, 0.2)
        for seed, value in enumerate(np.random.default_rng(int(10 * rate)).normal(rate, 0.1, 4))
    ]
    groups = grouped(*runs)
    assert [one.folds for one in groups] == [None, None]
    found = significance.judge(groups)
    first, second = (dict(zip(one.blocks, one.values, strict=True)) for one in groups)
    expected = stats.ttest_rel([first[seed] for seed in first], [second[seed] for seed in first]).pvalue
    assert found.differences[0].p == pytest.approx(expected, rel=0.05)
    assert found.unit == "seeds"


def test_one_that_lacks_folds_is_behind_and_is_not_told_from_what_beats_it_on_the_same_folds() -> None:
    lacking = folded(0.1, [0.20, 0.21, 0.19])  # the two hard folds have failed
    whole = folded(0.2, [0.10, 0.10, 0.10, 0.90, 0.90])
    first, second = grouped(*lacking, *whole)
    assert (len(first.values), len(second.values)) == (5, 3)
    assert first.mean is not None
    assert second.mean is not None
    assert second.mean < first.mean
    (difference,) = significance.judge([second, first], "min").differences
    assert difference.by > 0  # on the same folds the other one is better
    assert not difference.significant
    assert significance.judge([first, second], "min").differences[0].by < 0


def test_runs_whose_seed_nobody_said_are_not_paired_by_their_rank() -> None:
    runs = [run(value, ours=False, rate=0.1) for value in (0.20, 0.25, 0.30)]
    runs += [run(value, ours=False, rate=0.2) for value in (0.22, 0.272, 0.318)]
    verdict = significance.judge(grouped(*runs))
    (difference,) = verdict.differences
    assert difference.p == pytest.approx(stats.ttest_ind([0.20, 0.25, 0.30], [0.22, 0.272, 0.318]).pvalue, abs=0.05)
    assert "the same seeds" not in verdict.said
