"""Which job of a sweep is the best."""

from __future__ import annotations

import csv
import math

from tests.sweep.studies import FAILED, MIXED, finished
from tfmlflow.job.outcome import Outcome
from tfmlflow.sweep.leaderboard.leaderboard import Leaderboard, Row
from tfmlflow.sweep.leaderboard.table import csv_text, markdown

BOTH = [("val/loss", "min"), ("val/accuracy", "max")]


def leaderboard(*outcomes: Outcome, of: list[tuple[str, str]] | None = None) -> Leaderboard:
    """Jobs one after the other."""
    them = Leaderboard(of or [("val/loss", "min")])
    for number, outcome in enumerate(outcomes):
        them.add(Row(number, {"seed": str(number)}, outcome))
    return them


def numbers(rows: list[Row]) -> list[int | None]:
    """Of the jobs."""
    return [row.number for row in rows]


def test_the_best_is_first_then_pruned_ones_then_failed_ones() -> None:
    of = leaderboard(*MIXED)
    assert numbers(of.ordered()) == [2, 5, 0, 1, 4, 3]
    assert of.best is not None
    assert of.best.number == 2
    assert (numbers(of.failed), numbers(of.pruned)) == ([3], [4])


def test_where_more_is_better_the_greatest_is_first() -> None:
    assert numbers(leaderboard(*MIXED, of=[("val/loss", "max")]).ordered())[:3] == [0, 5, 2]


def test_equals_keep_their_order_and_zero_is_a_value() -> None:
    of = leaderboard(finished(0.5), finished(0.0), finished(0.5), finished(0.0))
    assert numbers(of.ordered()) == [1, 3, 0, 2]


def test_nothing_that_failed_was_pruned_or_is_no_number_is_best() -> None:
    assert leaderboard(FAILED, finished(0.1, "pruned"), finished(math.inf)).best is None


def test_of_several_objectives_those_stand_out_that_nothing_beats_in_all() -> None:
    of = leaderboard(
        finished(0.3, **{"val/accuracy": 0.9}),
        finished(0.2, **{"val/accuracy": 0.8}),
        finished(0.3, **{"val/accuracy": 0.8}),  # beaten by both
        finished(0.3, **{"val/accuracy": 0.9}),  # as good as the first
        finished(0.1),  # without the second objective
        FAILED,
        of=BOTH,
    )
    assert numbers(of.unbeaten()) == [0, 1, 3]


def test_of_one_objective_the_best_stands_out() -> None:
    assert numbers(leaderboard(*MIXED).unbeaten()) == [2]
    assert leaderboard(FAILED).unbeaten() == []


def test_the_table_in_a_file_has_every_job_in_their_order() -> None:
    rows = list(csv.DictReader(csv_text(leaderboard(*MIXED)).splitlines()))
    assert [row["job"] for row in rows] == ["2", "5", "0", "1", "4", "3"]
    assert rows[0] | {"seed": "2", "val/loss": "0.2", "status": "FINISHED", "error": ""} == rows[0]
    assert rows[-1]["error"] == "RuntimeError: [bold]no[/bold]"


def test_values_on_other_data_or_by_another_loss_are_ranked_apart() -> None:
    leaderboard = Leaderboard([("val/loss", "min")])
    for number, (data, value) in enumerate(
        (("digits", 0.2), ("diabetes", 2900.0), ("digits", 0.1), ("diabetes", 2800.0))
    ):
        leaderboard.add(Row(number, {"seed": "1"}, finished(value), {"data.name": data, "data.label": "y"}))
    assert leaderboard.best is None
    assert [row.number for row in leaderboard.ordered()] == [2, 0, 3, 1]
    assert [row.number for row in leaderboard.unbeaten()] == [2, 3]
    assert leaderboard.kinds == ["data.name=digits", "data.name=diabetes"]
    same = Leaderboard([("val/loss", "min")])
    for value in (0.2, 0.1):
        same.add(Row(0, {}, finished(value), {"data.name": "digits"}))
    assert same.best is not None


def of_folds(*values: tuple[str, int, Outcome]) -> Leaderboard:
    them = Leaderboard([("val/loss", "min")])
    for number, (optimizer, fold, outcome) in enumerate(values):
        them.add(Row(number, {"data.fold": str(fold), "optimizer": optimizer}, outcome))
    return them


def test_folds_of_a_configuration_are_ranked_by_their_mean() -> None:
    lucky = [finished(0.1), finished(0.9), finished(0.8)]
    steady = [finished(0.4), finished(0.5), finished(0.45)]
    of = of_folds(
        *(("sgd", i, one) for i, one in enumerate(lucky)), *(("adam", i, one) for i, one in enumerate(steady))
    )
    first, second = of.configurations()
    assert (first.varied, len(first.rows)) == ({"optimizer": "adam"}, 3)
    assert math.isclose(first.mean or 0, 0.45)
    assert math.isclose(second.mean or 0, 0.6)
    assert of.best is not None
    assert of.best.number == 3  # the best fold of the best configuration
    assert math.isclose(of.reaches or 0, 0.45)


def test_a_configuration_that_lacks_a_fold_is_behind() -> None:
    of = of_folds(("sgd", 0, finished(0.1)), ("sgd", 1, FAILED), ("adam", 0, finished(0.5)), ("adam", 1, finished(0.6)))
    assert [one.varied["optimizer"] for one in of.configurations()] == ["adam", "sgd"]
    shown = markdown(of, lambda words, _: words)
    assert "| adam | 0.55 | 0.070711 | 2 of 2 |" in shown
    assert "| sgd | 0.1 |  | 1 of 2 |" in shown
    assert "**val/loss 0.55** as the mean over its folds: optimizer=adam" in shown
    rows = list(csv.DictReader(csv_text(of).splitlines()))
    assert [row["mean_of_folds"] for row in rows] == ["0.55", "0.55", "0.1", "0.1"]
