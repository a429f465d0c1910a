"""What runs in a store say next to each other: of ours, and of other tools."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import pytest
from rich.console import Console

from tests.analysis.fixtures import Store
from tfmlflow.analysis import aligned
from tfmlflow.analysis import pair as pairs
from tfmlflow.analysis.comparison import Comparison
from tfmlflow.analysis.runs import reading
from tfmlflow.analysis.runs.groups import Group, told_apart
from tfmlflow.analysis.sorting import ordered
from tfmlflow.analysis.statistics import importance
from tfmlflow.analysis.terminal import terminal
from tfmlflow.errors import UsageError

pytestmark = pytest.mark.xdist_group("reading")


def compared(store: Store, experiment: str, metric: str | None = None) -> Comparison:
    client = store.client
    return Comparison.of(client, reading.read(client, experiment), metric)


def test_runs_that_differ_in_their_seed_are_one_configuration(store: Store) -> None:
    comparison = compared(store, "grid")
    rates = [group.settings["optimizer.learning_rate"] for group in comparison.groups]
    assert rates == ["0.01", "0.1", "0.001", "10"]
    best = comparison.groups[0]
    assert len(best.values) == 3
    assert best.mean == pytest.approx(0.2, abs=0.03)
    assert best.spread is not None
    assert 0 < best.spread < 0.03
    assert best.best.epoch == 3
    assert comparison.settings == ["optimizer.learning_rate"]


def test_values_on_other_data_or_by_another_loss_are_ranked_apart(store: Store) -> None:
    runs = reading.read(store.client, "grid")
    assert Comparison.of(store.client, runs).kinds == [""]
    for key, told, metric in (
        ("data.name", ("digits", "diabetes"), None),
        ("data.label", ("price", "area"), None),
        ("trainer.loss", ("mean_squared_error", "log_cosh"), "val/loss"),
    ):
        other = [
            replace(run, params={**run.params, key: told[run.params["optimizer.learning_rate"] == "0.01"]})
            for run in runs
        ]
        comparison = Comparison.of(store.client, other, metric)
        assert sorted(comparison.kinds) == sorted(told)
        assert "is not comparable between" in comparison.headline
        assert comparison.significance.differences == ()
    moved = [replace(run, params={**run.params, "data.path": run.run_id}, digest="d") for run in runs]
    assert Comparison.of(store.client, moved).kinds == [""]


def test_a_failed_run_is_never_the_best_whatever_it_reached(store: Store) -> None:
    comparison = compared(store, "grid")
    last, best = comparison.groups[-1], comparison.best_run()
    assert last.state == "2 of 2 FAILED killed, nan"
    assert last.values == ()
    assert last.best.value == 0.05  # from its history: it has no best/loss
    assert best is not None
    assert best.params["optimizer.learning_rate"] == "0.01"


def test_the_parent_of_a_sweep_is_not_among_its_runs(store: Store) -> None:
    runs = reading.read(store.client, sweep="s1")
    assert len(runs) == 11
    assert {run.run_id for run in reading.read(store.client, sweep="latest")} == {run.run_id for run in runs}
    parent = runs[0].tags["mlflow.parentRunId"]
    assert len(reading.read(store.client, sweep=parent)) == 11


def test_runs_of_other_tools_are_compared_by_their_validation_metric(store: Store) -> None:
    comparison = compared(store, "foreign")
    assert (comparison.objective.metric, comparison.objective.mode) == ("val_accuracy", "max")
    first, second = comparison.groups
    assert first.settings == {"depth": "5"}
    assert first.values == (0.91, 0.9)  # the best of the history, not the last
    assert first.best.epoch == 2
    assert second.settings == {"depth": "3"}


def test_more_runs_than_are_worth_reading_stand_with_their_last_value(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tfmlflow.analysis.runs.reached.reached.__defaults__", (3,))
    comparison = compared(store, "foreign")
    assert comparison.estimated == 4
    assert {value for group in comparison.groups for value in group.values} == {0.5}


def test_another_metric_is_read_in_its_own_direction(store: Store) -> None:
    comparison = compared(store, "grid", "val/accuracy")
    assert comparison.objective.mode == "max"
    assert comparison.groups[0].best.value == 0.8
    assert comparison.groups[0].best.epoch == 4


def test_processor_time_is_the_cost(store: Store) -> None:
    comparison = compared(store, "grid")
    assert comparison.groups[0].processor == pytest.approx(90.0)  # 150 % of 60 s


def test_the_setting_that_made_the_difference_is_the_important_one(store: Store) -> None:
    verdict = compared(store, "searched").importance
    first, *others = verdict.importances
    assert first.setting == "optimizer.learning_rate"
    assert first.clear
    assert 0.5 < first.share < 1.1
    assert all(not other.clear for other in others)


def test_importance_is_not_guessed_from_few_runs(store: Store) -> None:
    verdict = compared(store, "grid").importance
    assert verdict.importances == ()
    assert "too few runs to tell: 3 completed configurations, 20 needed" in verdict.said


def test_noise_has_no_importance() -> None:
    from tfmlflow.analysis.runs.reached import Reached

    draw = __import__("random").Random(3)
    groups = [
        Group("", {"a": str(draw.random()), "b": draw.choice("xyz")}, (), (draw.random(),), Reached(), None, None)
        for _ in range(60)
    ]
    verdict = importance.measure(groups, ["a", "b"])
    assert not any(item.clear for item in verdict.importances)
    assert "not told from chance" in verdict.said


def test_differences_are_significant_only_beyond_what_seeds_do(store: Store) -> None:
    verdict = compared(store, "grid").significance
    assert [(one.first, one.second) for one in verdict.differences] == [(0, 1), (0, 2)]
    assert all(difference.significant for difference in verdict.differences)
    few = compared(store, "foreign").significance
    assert few.differences == ()
    assert "too few seeds to tell" in few.said


@pytest.mark.parametrize(
    ("by", "x"), [("epoch", (1, 2, 3, 4)), ("step", (100, 200, 300, 400)), ("time", (15.0, 30.0, 45.0, 60.0))]
)
def test_curves_are_aligned_with_the_spread_over_seeds(store: Store, by: str, x: tuple[float, ...]) -> None:
    comparison = compared(store, "grid")
    curve, *others = aligned.curves(store.client, comparison.groups, "val/loss", by)
    assert curve.x == pytest.approx(x)
    assert curve.seeds == 3
    assert len(curve.singles) == 3
    assert curve.mean[2] == pytest.approx(comparison.groups[0].mean)
    assert curve.spread[2] == pytest.approx(comparison.groups[0].spread)
    assert len(others) == 3


def test_two_runs_are_compared_by_settings_code_packages_and_data(store: Store) -> None:
    pair = pairs.read(store.client, *reading.read(store.client, ids=store.pair))
    assert pair.params == {"model.units": ("64", "128"), "optimizer.momentum": (None, "0.9")}
    assert pair.commits == ("1" * 10, "2" * 10 + "+")
    assert pair.data == ("digest0", "digest1")
    assert pair.packages == {"extra": (None, "1"), "keras": ("3.15.0", "3.16.0")}
    assert pair.patched_files == {"both.py": "both", "data.py": "second", "model.py": "first"}
    assert "--- a/model.py" in [line[1:] for line in pair.patch_lines if line.startswith("-")]


def test_what_a_run_has_not_recorded_is_not_called_the_same(store: Store) -> None:
    one, two, *_ = reading.read(store.client, "foreign")
    pair = pairs.read(store.client, one, two)
    assert pair.packages is None
    assert pair.patches == (None, None)
    assert pair.patched_files == {}


def test_orders(store: Store) -> None:
    comparison = compared(store, "grid")
    by_rate = ordered(comparison, "learning_rate")
    assert [group.settings["optimizer.learning_rate"] for group in by_rate] == ["0.001", "0.01", "0.1", "10"]
    assert ordered(comparison, "learning_rate", reverse=True)[0] is by_rate[-1]
    assert ordered(comparison, "value", reverse=True) == list(comparison.groups)[::-1]
    assert math.isfinite(ordered(comparison, "test/loss")[0].mean or math.nan)
    with pytest.raises(UsageError, match="nearest: time"):
        ordered(comparison, "tim")


def of_thirty(reached: str) -> importance.Verdict:
    """Importance of two settings and one that does nothing, among 30 configurations."""
    import numpy as np

    from tfmlflow.analysis.runs.reached import Reached

    draw = np.random.default_rng(5)
    groups = []
    for _ in range(30):
        rate, size, other = draw.uniform(-4, 0), int(draw.integers(0, 4)), draw.uniform()
        value = {
            "together": (rate + 0.8 * size + 1) ** 2,
            "each": (rate + 2) ** 2 + (size - 1.5) ** 2,
        }[reached] + 0.5 * draw.normal()
        settings = {"rate": repr(rate), "size": str(size), "other": repr(other)}
        groups.append(Group("", settings, (), (float(value),), Reached(), None, None))
    return importance.measure(groups, ["rate", "size", "other"])


def test_of_thirty_configurations_what_two_settings_do_together_is_named() -> None:
    verdict = of_thirty("together")
    assert {item.setting for item in verdict.importances if item.clear} == {"rate", "size"}
    (pair,) = verdict.pairs
    assert set(pair.setting.split(" × ")) == {"rate", "size"}
    assert pair.share > 0.1
    assert "not told from chance" not in verdict.said


def test_what_each_does_by_itself_is_no_interaction() -> None:
    verdict = of_thirty("each")
    assert {item.setting for item in verdict.importances if item.clear} == {"rate", "size"}
    assert verdict.pairs == ()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_narrow_terminal_keeps_the_settings_that_vary(store: Store, width: int) -> None:
    console = Console(width=width, file=io.StringIO(), markup=False)
    comparison = compared(store, "searched")
    terminal.show(console, comparison, comparison.groups[:5], 0)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    header = next(line for line in said.splitlines() if line.lstrip().startswith("#"))
    assert "learning_rate" in header
    assert "model" in header
    assert ("CPU" in header or "time" in header) == (width > 60)
    assert all(len(line) <= width for line in said.splitlines())


def test_legends_name_what_differs_among_the_curves(store: Store) -> None:
    groups = compared(store, "searched").groups
    alike = [group for group in groups if group.settings["model.name"] == "mlp"][:3]
    assert all("model=" not in label for label in told_apart(alike))
    assert len(set(told_apart(alike))) == 3
