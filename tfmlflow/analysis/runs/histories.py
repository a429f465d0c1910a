"""Every point of a metric, of many runs at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mlflow import MlflowClient

from tfmlflow.analysis.runs.stored_run import StoredRun

AT_ONCE = 8  # questions to a store


@dataclass(frozen=True)
class History:
    """The points of a metric, by step; where a step has several, the one said last.

    Attributes:
        steps: As stored: of `train/` and `val/` the epoch.
        times: Seconds since the run began.
        values: NaN and infinity are values.
    """

    steps: tuple[int, ...]
    times: tuple[float, ...]
    values: tuple[float, ...]


def read(client: MlflowClient, runs: Sequence[StoredRun], metric: str) -> dict[str, History]:
    """The history of `metric`, by run id, of the runs that have it."""
    having = [run for run in runs if metric in run.metrics]
    if not having:
        return {}

    def one(run: StoredRun) -> History:
        points = {}
        for point in sorted(client.get_metric_history(run.run_id, metric), key=lambda point: point.timestamp):
            points[int(point.step)] = (point.timestamp / 1000 - run.started, float(point.value))
        steps = sorted(points)
        return History(tuple(steps), tuple(points[s][0] for s in steps), tuple(points[s][1] for s in steps))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {run.run_id: history for run, history in zip(having, pool.map(one, having), strict=True)}
