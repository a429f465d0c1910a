"""The job that a run is made by: what the training needs to know of the command, without Hydra."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GO_ON = "TFMLFLOW_GO_ON"  # where the same command was begun before, and is to be gone on with: when, since 1970
OUTPUT = "TFMLFLOW_OUTPUT"  # folder of the job, where whoever has started the process has chosen it
PARENT = "TFMLFLOW_PARENT_RUN_ID"  # the run that this one is to be a child of, where somebody has chosen it
DIED = "TFMLFLOW_DIED"  # why the command was begun again
ADOPT = "TFMLFLOW_ADOPT_RUN_ID"  # the run that `mlflow run` has opened for this command


@dataclass(frozen=True)
class Job:
    """A job.

    Attributes:
        folder: Where its config and log lie.
        overrides: What was given on the command line for it.
        number: Its place in the sweep, None outside one.
        run_id: The run that somebody has opened for this command: its own, or in a sweep the parent of all.
        parent: The run that its own is to be a child of, outside a sweep.
        parent_key: Name in the spool of the sweep's run, where that has no id yet.
        sweep: Id of the sweep.
        start: Of the sweep: the same command again is another start of it.
        varied: Keys that the jobs of the sweep differ in.
        source: Folder of the program, if it cannot be told from this process.
        should_prune: Takes an epoch and its objective, tells whether the job should be ended; None where none is.
        goes_on: When a training that is to be gone on with was begun in this folder, seconds since 1970; what is older
            there is of others.
        stop_requested: Gives the reason for which whoever has started the job ends it; None while there is none.
    """

    folder: Path
    overrides: tuple[str, ...] = ()
    number: int | None = None
    run_id: str | None = None
    parent: str | None = None
    parent_key: str | None = None
    sweep: str | None = None
    start: str | None = None
    varied: tuple[str, ...] = ()
    source: str | None = None
    goes_on: float | None = None
    should_prune: Callable[[int, float], bool] | None = None
    stop_requested: Callable[[], str | None] | None = None


def take_run_id() -> str | None:
    """The run that was opened for this command, taken out of the environment so that MLflow gives it to nobody else."""
    if run_id := os.environ.pop("MLFLOW_RUN_ID", None):
        os.environ[ADOPT] = run_id
    return os.environ.get(ADOPT)
