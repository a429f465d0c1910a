"""Curves of many runs on one axis, with the mean and the spread over the seeds of a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from mlflow import MlflowClient

from tfmlflow.analysis.runs.groups import Group, told_apart
from tfmlflow.analysis.runs.histories import History, read
from tfmlflow.analysis.runs.stored_run import StoredRun
from tfmlflow.objective import Objective
from tfmlflow.vocabulary import Metric

AXES = {"epoch": "epoch", "step": "optimizer step", "time": "seconds since the run began"}
STEPS = ("perf/step_ms_p50", Metric.BATCH_LEARNING_RATE, Metric.BATCH_LOSS)  # whose step is the optimizer's
EPOCH = "epoch"  # a metric of other tools that says which epoch a step is in
GROUPS = 12  # curves drawn, of the best configurations
GRID = 200  # points of a mean over time or over steps that differ


@dataclass(frozen=True)
class Single:
    """One run's curve: its id, and x and y of every point that is a number."""

    run_id: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class Curve:
    """One configuration's curve.

    Attributes:
        place: Of the configuration in the list.
        label: What tells it from the others.
        x, mean, spread: As far as every seed that completed goes; the spread is the standard deviation, 0 for one seed.
        singles: Each run, those that did not complete too.
        seeds: Over how many runs the mean is.
        completed: Whether those went through to their end.
    """

    place: int
    label: str
    x: tuple[float, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    singles: tuple[Single, ...]
    seeds: int
    completed: bool


def metric_of(objective: Objective, runs: Sequence[StoredRun]) -> str:
    """The metric whose curve shows how the objective was reached: of `test/loss` and `best/loss` it is `val/loss`."""
    if objective.once:
        for part in ("val", "train"):
            twin = f"{part}/{objective.metric.split('/', 1)[-1]}"
            if any(twin in run.metrics for run in runs):
                return twin
    return objective.metric


def curves(client: MlflowClient, groups: Sequence[Group], metric: str, by: str, limit: int = GROUPS) -> list[Curve]:
    """Curves of the best configurations.

    Args:
        client: Of the store.
        groups: The best first.
        metric: What to draw.
        by: `epoch`, `step` or `time`.
        limit: How many.
    """
    runs = [run for group in groups[:limit] for run in group.runs]
    histories = read(client, runs, metric)
    clocks = _clocks(client, runs, metric) if by == "step" else read(client, runs, EPOCH) if by == "epoch" else {}
    found = []
    labels = told_apart(groups[:limit])
    for place, group in enumerate(groups[:limit]):
        singles, completed = [], []
        for run in group.runs:
            if (history := histories.get(run.run_id)) is None:
                continue
            single = _single(run.run_id, history, clocks.get(run.run_id), by)
            if single.x:
                singles.append(single)
                completed.append(run.completed)
        if singles:
            chosen = [single for single, done in zip(singles, completed, strict=True) if done] or singles[:1]
            x, mean, spread = _mean(chosen)
            label = labels[place] if any(completed) else f"{labels[place]} [{group.state}]"
            found.append(Curve(place, label, x, mean, spread, tuple(singles), len(chosen), any(completed)))
    return found


def _clocks(client: MlflowClient, runs: Sequence[StoredRun], metric: str) -> Mapping[str, History]:
    """What tells the optimizer's step at a moment; runs of other tools have their metrics at that step already.

    The first of the metrics is the best: it is said when an epoch ends.
    """
    if metric.split("/")[0] not in ("train", "val"):
        return {}
    found: dict[str, History] = {}
    for clock in STEPS:
        found = read(client, [run for run in runs if run.run_id not in found], clock) | found
    return found


def _single(run_id: str, history: History, clock: History | None, by: str) -> Single:
    if by == "time":
        x: Sequence[float] = history.times
    elif clock is None:
        x = history.steps
    elif by == "step":
        x = [clock.steps[int(np.argmin(np.abs(np.array(clock.times) - time)))] for time in history.times]
    else:
        x = np.interp(history.steps, clock.steps, clock.values).tolist()
    points = [(float(a), b) for a, b in zip(x, history.values, strict=True) if abs(b) < 1e308]
    return Single(run_id, tuple(a for a, _ in points), tuple(b for _, b in points))


def _mean(singles: Sequence[Single]) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation where all have values; in between they are taken to go straight."""
    if len(singles) == 1:
        return singles[0].x, singles[0].y, (0.0,) * len(singles[0].x)
    begin, end = max(single.x[0] for single in singles), min(single.x[-1] for single in singles)
    points = sorted({x for single in singles for x in single.x if begin <= x <= end})
    if len(points) > GRID:
        points = np.linspace(begin, end, GRID).tolist()
    values = np.array([np.interp(points, single.x, single.y) for single in singles])
    return tuple(points), tuple(values.mean(axis=0).tolist()), tuple(values.std(axis=0, ddof=1).tolist())
