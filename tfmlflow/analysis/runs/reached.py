"""The metric by which runs are compared, and what each run reached."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlflow import MlflowClient

from tfmlflow.analysis.runs.histories import History, read
from tfmlflow.analysis.runs.stored_run import StoredRun
from tfmlflow.errors import UsageError
from tfmlflow.objective import Objective, resolved
from tfmlflow.vocabulary import Metric

READ = 500  # runs whose history is read for their best value; beyond, the last value stands
INFINITE = 1e308  # databases store infinity as the largest number
VALIDATION = re.compile(r"^(val|valid|validation|eval|dev)[/_. ]", re.IGNORECASE)
AUXILIARY = re.compile(
    r"^(system|perf|batch)/|^(epoch|lr|learning_rate|step)$|learning_rate|duration|time", re.IGNORECASE
)


@dataclass(frozen=True)
class Reached:
    """What a run reached.

    Attributes:
        value: None if it never had a number.
        epoch: Where (the step, for runs of other tools); None if that is not known.
        last: Whether it is the last value, since the best was not looked for.
    """

    value: float | None = None
    epoch: int | None = None
    last: bool = False


def choose(runs: Sequence[StoredRun], metric: str | None = None, mode: str = "auto") -> Objective:
    """The metric that was asked for; else the objective of most runs; else the validation metric that most have.

    Raises:
        UsageError: No run has it, or there is none to choose.
    """
    counts = Counter(key for run in runs for key in run.metrics)
    if metric is not None and metric not in counts:
        near = difflib.get_close_matches(metric, list(counts), n=3, cutoff=0.5)
        there = ", ".join(near or _ranked(counts)[:12]) or "no metric at all"
        raise UsageError(f"--metric {metric}: no run has it; {'the nearest' if near else 'there is'}: {there}")
    objectives = Counter(
        (run.params["objective.metric"], run.params.get("objective.mode", "auto"))
        for run in runs
        if run.params.get("objective.metric") in run.metrics
    )
    if metric is None and objectives:
        (metric, said), _ = objectives.most_common(1)[0]
        mode = said if mode == "auto" else mode
    elif metric is None:
        ranked = _ranked(counts)
        if not ranked:
            raise UsageError("no run has a metric to compare by; --metric names one")
        metric = ranked[0]
    elif mode == "auto":
        mode = next((said for (name, said) in objectives if name == metric), "auto")
    return Objective(metric, resolved(metric, mode) or "min")


def _ranked(counts: Mapping[str, int]) -> list[str]:
    """Metrics, what one would compare by first: validation, most runs, losses."""

    def rank(name: str) -> tuple[bool, bool, int, bool, str]:
        return (bool(AUXILIARY.search(name)), not VALIDATION.search(name), -counts[name], "loss" not in name, name)

    return sorted((name for name in counts if not AUXILIARY.search(name)), key=rank)


def reached(
    client: MlflowClient, runs: Sequence[StoredRun], objective: Objective, limit: int = READ
) -> dict[str, Reached]:
    """What each run reached, by run id.

    Our runs say it themselves; of others, and of those that were killed, the history is read, unless there are more
    than `limit` of them: then their last value stands.
    """
    found: dict[str, Reached] = {}
    unknown: list[StoredRun] = []
    for run in runs:
        if objective.metric not in run.metrics:
            found[run.run_id] = Reached()
        elif objective.once:
            epoch = run.metrics.get(Metric.BEST_EPOCH) if objective.metric.startswith(("test/", "best/")) else None
            found[run.run_id] = Reached(_number(run.metrics[objective.metric]), None if epoch is None else int(epoch))
        elif _said(run, objective):
            found[run.run_id] = Reached(_number(run.metrics[objective.best]), int(run.metrics[Metric.BEST_EPOCH]))
        else:
            unknown.append(run)
    histories = read(client, unknown, objective.metric) if len(unknown) <= limit else {}
    for run in unknown:
        history = histories.get(run.run_id)
        if history is None:
            found[run.run_id] = Reached(
                _number(run.metrics[objective.metric]), run.steps.get(objective.metric), last=True
            )
        else:
            found[run.run_id] = _best(history, objective)
    return found


def _said(run: StoredRun, objective: Objective) -> bool:
    params = run.params
    if (
        params.get("objective.metric") != objective.metric
        or objective.best not in run.metrics
        or Metric.BEST_EPOCH not in run.metrics
    ):
        return False
    said = params.get("objective.mode", "auto")
    return (resolved(objective.metric, said) or "min") == objective.mode


def _best(history: History, objective: Objective) -> Reached:
    points: Iterable[tuple[int, float]] = zip(history.steps, history.values, strict=True)
    finite = [(step, value) for step, value in points if _number(value) is not None]
    if not finite:
        return Reached()
    step, value = min(finite, key=lambda point: (objective.order(point[1]), point[0]))
    return Reached(value, step)


def _number(value: float) -> float | None:
    return float(value) if abs(value) < INFINITE else None
