"""What a sweep tries next, and how it goes on after it was ended."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import optuna
from optuna.trial import TrialState

from tests.sweep.grammar import space
from tests.sweep.studies import finished, place, proposals, sampled
from tfmlflow.job.outcome import Outcome
from tfmlflow.sweep.search.search import Listed, Sampled

FAILED = Outcome("FAILED", "error", run_id="r2", error="RuntimeError: no", seconds=1.0)
STOPPED = Outcome("KILLED", "signal", run_id="r3", seconds=1.0)


def states(folder: Path) -> list[str]:
    """Of every trial in the study."""
    return [trial.state.name for trial in place(folder).open().get_trials()]


def test_listed_points_come_in_their_order_and_without_a_study() -> None:
    of = space("seed=1,2,3", "trainer.epochs=1")
    search = Listed(of, of.grid())
    assert search.total == 3
    assert [proposal.overrides for proposal in proposals(search)] == [("trainer.epochs=1", f"seed={i}") for i in "123"]
    assert search.ask() is None
    assert search.earlier == []


def test_a_study_beside_a_list_learns_what_became_of_each(tmp_path: Path) -> None:
    of = space("seed=1,2,3,4,5")
    search = Listed(of, of.grid(), place(tmp_path, "median").open())
    ends = [finished(), finished(reason="pruned"), FAILED, finished(math.nan), STOPPED]
    for proposal, outcome in zip(proposals(search), ends, strict=True):
        search.tell(proposal, outcome)
    assert states(tmp_path) == ["COMPLETE", "PRUNED", "FAIL", "FAIL", "FAIL"]


def test_sampled_points_lie_in_the_space_and_end_with_the_budget(tmp_path: Path) -> None:
    search = sampled(place(tmp_path), 8)
    found = []
    for proposal in proposals(search):
        found.append(proposal.varied)
        search.tell(proposal, finished())
    assert search.total == len(found) == 8
    assert {point["optimizer"] for point in found} <= {"adam", "sgd"}
    assert all(1e-5 <= float(point["optimizer.learning_rate"]) <= 1e-1 for point in found)
    assert search.ask() is None


def test_whole_numbers_and_steps_are_kept_to(tmp_path: Path) -> None:
    of = space("seed=tag(log,int(interval(1,64)))", "trainer.epochs=range(2,11,4)", "model.dropout=range(0,0.5,0.2)")
    search = sampled(place(tmp_path), 8, of)
    for proposal in proposals(search):
        search.tell(proposal, finished())
        assert 1 <= int(proposal.varied["seed"]) <= 64
        assert proposal.varied["trainer.epochs"] in ("2", "6", "10")
        assert proposal.varied["model.dropout"] in ("0", "0.2", "0.4")


def test_the_budget_is_counted_over_all_starts_and_failed_jobs_count(tmp_path: Path) -> None:
    first = sampled(place(tmp_path), 3)
    for proposal, outcome in zip(proposals(first), (finished(), FAILED, finished(reason="pruned")), strict=True):
        first.tell(proposal, outcome)
    assert sampled(place(tmp_path), 3).ask() is None
    more = sampled(place(tmp_path), 5)
    assert more.total == 5
    assert len(list(proposals(more))) == 2


def test_earlier_outcomes_are_listed_as_of_before_with_their_jobs(tmp_path: Path) -> None:
    first = sampled(place(tmp_path), 3)
    points = []
    for proposal, outcome in zip(proposals(first), (finished(0.25), FAILED, STOPPED), strict=True):
        points.append(dict(proposal.varied))
        first.tell(proposal, outcome)
    assert first.earlier == []
    earlier = sampled(place(tmp_path), 3).earlier
    assert [(number, point) for number, point, _ in earlier] == [(0, points[0]), (1, points[1])]
    assert earlier[0][2] == replace(finished(0.25), before=True)
    assert earlier[1][2] == replace(FAILED, before=True)


def test_interrupted_trials_are_tried_again_with_the_same_values_and_do_not_count(tmp_path: Path) -> None:
    first = sampled(place(tmp_path), 4)
    begun = list(proposals(first, 3))
    first.tell(begun[0], finished())  # then the sweep is killed: two are left as they were
    second = sampled(place(tmp_path), 4)
    again = list(proposals(second))
    assert [proposal.varied for proposal in again[:2]] == [proposal.varied for proposal in begun[1:]]
    assert len(again) == 3
    for proposal in again:
        second.tell(proposal, finished())
    assert sampled(place(tmp_path), 4).ask() is None
    assert states(tmp_path).count("COMPLETE") == 4
    assert len(sampled(place(tmp_path), 4).earlier) == 4


def test_a_job_that_a_signal_has_ended_does_not_count_and_is_tried_again(tmp_path: Path) -> None:
    first = sampled(place(tmp_path), 2)
    (proposal,) = proposals(first, 1)
    first.tell(proposal, STOPPED)
    again = list(proposals(sampled(place(tmp_path), 2)))
    assert len(again) == 2
    assert again[0].varied == proposal.varied


def test_what_was_reached_is_told_and_what_was_not_is_a_failure(tmp_path: Path) -> None:
    search = sampled(place(tmp_path), 5)
    ends = (finished(0.25), finished(0.9, "pruned"), FAILED, finished(math.nan), finished(None))
    for proposal, outcome in zip(proposals(search), ends, strict=True):
        search.tell(proposal, outcome)
    assert states(tmp_path) == ["COMPLETE", "PRUNED", "FAIL", "FAIL", "FAIL"]
    assert place(tmp_path).open().trials[0].value == 0.25
    assert place(tmp_path).open().best_value == 0.25


def test_several_objectives_are_told_together(tmp_path: Path) -> None:
    where = place(tmp_path, directions=("maximize", "minimize"))

    def values(outcome: Outcome) -> list[float | None]:
        return [outcome.metrics.get(key) if outcome.done else None for key in ("accuracy", "parameters")]

    search = Sampled(space("seed=1,2,3,4"), where.open(), 3, values)
    ends = (finished(accuracy=0.9, parameters=10.0), finished(accuracy=0.8, parameters=5.0), finished(accuracy=0.7))
    for proposal, outcome in zip(proposals(search), ends, strict=True):
        search.tell(proposal, outcome)
    study = where.open()
    assert [trial.values for trial in study.trials] == [[0.9, 10.0], [0.8, 5.0], None]
    assert {trial.number for trial in study.best_trials} == {0, 1}


def test_the_sampler_learns_from_what_it_is_told(tmp_path: Path) -> None:
    study = place(tmp_path).open(optuna.samplers.TPESampler(seed=0, n_startup_trials=5))
    search = Sampled(space("model.dropout=interval(0,1)"), study, 20, lambda outcome: [outcome.value])
    tried = []
    for proposal in proposals(search):
        tried.append(float(proposal.varied["model.dropout"]))
        search.tell(proposal, finished((tried[-1] - 0.3) ** 2))
    late = sorted(abs(at - 0.3) for at in tried[12:])
    assert late[len(late) // 2] < 0.2
    assert study.get_trials(states=(TrialState.RUNNING,)) == []


def test_all_choices_are_tried_where_there_are_few(tmp_path: Path) -> None:
    """Two values and a budget of six."""
    search = sampled(place(tmp_path), 6, space("seed=1,2"))
    found = []
    for proposal in proposals(search):
        found.append(proposal.varied["seed"])
        search.tell(proposal, finished())
    assert set(found) == {"1", "2"}
