"""What came of a training of `faults.py`: its exit, and its run in the store."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from mlflow import MlflowClient
from mlflow.entities import Metric

from tfmlflow.tracking.store import names


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        held: Seconds that the training stood still, before the first step and after it; None if it did not end itself.
        trained: Whether it did.
        to_exit: Seconds from the last step to the exit of the process.
        code: Its exit code; None: killed by us.
        runs: How many runs there are in the store.
        status, reason: Of the run.
        arrived: Share of the epochs' metric values that are there at their epoch.
        shared: Points that stand at a step of another point of the same metric.
    """

    held: tuple[float, float] | None
    trained: bool
    to_exit: float
    code: int | None
    runs: int = 0
    status: str | None = None
    reason: str | None = None
    arrived: float = 0.0
    shared: int = 0

    def words(self) -> str:
        """For a cell of the table."""
        held = "-" if self.held is None else f"{self.held[0]:.1f} + {self.held[1]:.1f} s"
        held = held if self.trained else "did not get to the end"
        exit_code = "killed" if self.code is None else f"exit {self.code}"
        to_exit = f"> {self.to_exit:.0f} s" if self.code is None else f"{self.to_exit:.1f} s"
        reason = f" ({self.reason})" if self.reason else ""
        status = f"{self.status}{reason}" if self.status else "no run"
        shared = f", {self.shared} share a step" if self.shared else ""
        more = f", {self.runs} runs" if self.runs > 1 else ""
        return f"{held} · {to_exit}, {exit_code} · {status}{more} · {100 * self.arrived:.0f} %{shared}"


def looked_at(server: str, experiment: str, tracker: str, epochs: list[dict[str, float]]) -> dict[str, Any]:
    """The store's part of an `Outcome`.

    Args:
        epochs: Keras's metrics of each epoch that was finished.
    """
    client = MlflowClient(server)
    found = client.get_experiment_by_name(experiment)
    runs = client.search_runs([found.experiment_id]) if found is not None else []
    if not runs:
        return {"runs": 0, "status": None, "reason": None, "arrived": 0.0, "shared": 0}
    run = runs[0]
    histories = {key: client.get_metric_history(run.info.run_id, key) for key in run.data.metrics}
    first = 1 if tracker == "ours" else 0  # the number of the first epoch
    there = expected = 0
    for epoch, metrics in enumerate(epochs):
        for name, value in metrics.items():
            key = names.legal(names.metric(name)) if tracker == "ours" else name
            expected += 1
            there += any(_same(point, epoch + first, value) for point in histories.get(key, []))
    shared = sum(
        count - 1
        for key, points in histories.items()
        if not key.startswith("system/")
        for count in Counter(point.step for point in points).values()
    )
    return {
        "runs": len(runs),
        "status": run.info.status,
        "reason": run.data.tags.get("tfmlflow.end_reason"),
        "arrived": there / expected if expected else 1.0,
        "shared": shared,
    }


def _same(point: Metric, step: int, value: float) -> bool:
    close = math.isclose(point.value, value, rel_tol=1e-6) or (math.isnan(point.value) and math.isnan(value))
    return bool(point.step == step and close)


def stop_shippers(spool: Path) -> None:
    """Those of this case, which has ended."""
    for file in spool.glob("shipper-*.json"):
        with contextlib.suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(json.loads(file.read_text())["pid"])
            process.terminate()
            time.sleep(0.1)
            process.wait(10)
