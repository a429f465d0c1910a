"""MLflow's stack of active runs, by which `mlflow.log_metric` finds its run."""

from __future__ import annotations

import contextlib

import mlflow

from tfmlflow.tracking.run import opening


def activate(run_id: str) -> None:
    """Let `mlflow.log_*` of this thread go to a run; one whose store does not answer stays off the stack."""
    with opening.hurried(), contextlib.suppress(Exception):
        mlflow.start_run(run_id=run_id, log_system_metrics=False)


def is_active(run_id: str) -> bool:
    """Whether a run is the one on top."""
    active = mlflow.active_run()
    return active is not None and active.info.run_id == run_id


def deactivate(run_id: str, status: str) -> None:
    """Take a run off the stack without a word to the store: its status is the last thing that the shipper tells.

    Args:
        run_id: Nothing is done if it is not the one on top.
        status: Which it will have; said at once only where MLflow has no such stack any more.
    """
    if not is_active(run_id):
        return
    from mlflow.tracking import fluent

    try:
        fluent.MLFLOW_RUN_ID.unset()
        fluent._active_run_stack.get().pop()
        fluent._last_active_run_id.set(run_id)
    except AttributeError:
        with opening.hurried(1), contextlib.suppress(Exception):
            mlflow.end_run(status)
