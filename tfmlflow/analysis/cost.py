"""What a run cost: processor time where it was measured."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from mlflow import MlflowClient

from tfmlflow.analysis.runs.histories import read
from tfmlflow.analysis.runs.stored_run import StoredRun

USED = "system/process_cpu_percentage"  # of one processor: 250 is two and a half
READ = 200  # runs whose samples are read; beyond, the duration stands for the cost


def processor_seconds(client: MlflowClient, runs: Sequence[StoredRun], limit: int = READ) -> dict[str, float]:
    """Mean use of processors times duration, by run id, of the runs that have both; nothing for more than `limit`."""
    measured = [run for run in runs if USED in run.metrics and run.seconds is not None]
    if len(measured) > limit:
        return {}
    samples = read(client, measured, USED)
    return {
        run.run_id: statistics.fmean(samples[run.run_id].values) / 100 * run.seconds
        for run in measured
        if run.seconds is not None and samples[run.run_id].values
    }
