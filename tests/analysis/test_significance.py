"""Whether the best is told from the others: what is known exactly, what noise may not do, and what must be found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from tfmlflow.analysis.statistics import blocks, dunnett, significance


def found(values: Any) -> list[significance.Compared]:
    return significance.compared(np.asarray(values, dtype=float))


def winners(count: int, seeds: int, repetitions: int, better: float = 0.0, common: float = 0.0) -> float:
    """In which share of repetitions the best is told from all others; less is better."""
    chance, told = np.random.default_rng(1), 0
    for _ in range(repetitions):
        values = chance.normal(size=(count, seeds)) + common * chance.normal(size=seeds)
        values[0] -= better
        values = values[np.argsort(values.mean(axis=1))]
        told += all(p < significance.LEVEL for *_, p, _ in found(values))
    return told / repetitions


@pytest.mark.parametrize(("t", "df"), [(1.0, 4.0), (2.5, 10.0), (3.0, 30.0)])
def test_of_one_comparison_it_is_the_t_test(t: float, df: float) -> None:
    assert dunnett.p_value(t, (0.5,), df) == pytest.approx(2 * stats.t.sf(t, df), rel=0.05)


def test_it_agrees_with_scipys_dunnett() -> None:
    chance = np.random.default_rng(0)
    control, *others = (chance.normal(shift, 1, 6) for shift in (0, 0.5, 1.5, 2.5))
    expected = stats.dunnett(*others, control=control, rng=np.random.default_rng(0)).pvalue
    fitted = np.array([control, *others])
    variance = fitted.var(axis=1, ddof=1).mean()
    for other, p in zip(others, expected, strict=True):
        t = abs(control.mean() - other.mean()) / np.sqrt(variance * 2 / 6)
        assert dunnett.p_value(t, (0.5, 0.5, 0.5), 20.0) == pytest.approx(p, abs=0.01)


def test_what_a_seed_does_to_all_is_taken_out() -> None:
    values = np.array([[1.0, 11.0, 21.0], [2.0, 12.0, 22.1], [3.0, 13.0, 23.0]])
    fitted = blocks.fit(values)
    assert fitted.means == pytest.approx(values.mean(axis=1))
    assert fitted.df == 4
    assert np.abs(fitted.residuals).max() < 0.1
    assert all(p < 0.01 for *_, p, _ in found(values))


def test_a_missing_seed_is_made_up_for() -> None:
    values = np.array([[1.0, np.nan, 21.0, 31.0], [2.0, 12.1, 22.0, 32.0], [3.0, 13.0, 23.1, np.nan]])
    assert np.diff(blocks.fit(values).means) == pytest.approx([1.0, 1.0], abs=0.2)
    assert all(p < 0.05 for *_, p, _ in found(values))


def test_seeds_that_nobody_shares_are_each_ones_own() -> None:
    values = np.full((2, 6), np.nan)
    values[0, :3], values[1, 3:] = [1.0, 1.1, 0.9], [2.0, 2.1, 1.9]
    assert blocks.fit(values).df == 4
    assert found(values)[0][3] == pytest.approx(stats.ttest_ind(values[0, :3], values[1, 3:]).pvalue, rel=0.2)


@pytest.mark.parametrize("common", [0.0, 3.0])
@pytest.mark.parametrize("count", [2, 10])
def test_noise_is_seldom_called_a_winner_and_five_deviations_nearly_always(count: int, common: float) -> None:
    assert winners(count, 3, 150, common=common) <= 0.08
    assert winners(count, 3, 40, better=5.0, common=common) >= 0.85


def test_one_that_is_noisier_than_the_others_does_not_win_by_that() -> None:
    chance, told = np.random.default_rng(2), 0
    for _ in range(150):
        values = chance.normal(size=(10, 3))
        values[0] *= 10
        values = values[np.argsort(values.mean(axis=1))]
        told += all(p < significance.LEVEL for *_, p, _ in found(values))
    assert told <= 12


def test_it_is_said_how_many_seeds_would_tell() -> None:
    chance = np.random.default_rng(3)
    values = chance.normal(size=(2, 3)) + np.array([[0.0], [1.0]])
    ((_, low, high, p, seeds),) = found(values[np.argsort(values.mean(axis=1))])
    assert low < 0 < high
    assert p > 0.05
    assert seeds is None or seeds > 3


@pytest.mark.parametrize("values", [[[1, 1, 1], [2, 2, 2]], [[0, 0], [0, 0]], [[1e-9] * 3, [1e-9] * 3, [2e-9] * 3]])
def test_where_no_seed_changes_anything_there_is_nothing_to_measure_by(values: Any) -> None:
    assert {p for *_, p, _ in found(values)} == {1.0}


def test_thousands_of_configurations_are_fitted_as_few_are() -> None:
    chance = np.random.default_rng(4)
    values = chance.normal(size=(3000, 3)) + np.array([0.0, 5.0, -5.0])
    values[chance.random(values.shape) < 0.02] = np.nan
    values = values[np.isfinite(values).sum(axis=1) >= 2]
    fitted = blocks.fit(values)
    assert fitted.df == np.isfinite(values).sum() - len(values) - 2
    assert np.nanvar(fitted.residuals) * np.isfinite(values).sum() / fitted.df == pytest.approx(1.0, abs=0.1)
    assert fitted.scales.min() > 1 / 3 - 1e-9
    assert fitted.scales.max() < 0.6
    assert abs(fitted.shared[1]) < 0.1
