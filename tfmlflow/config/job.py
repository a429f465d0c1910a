"""What Hydra knows of the job that is running: its folder, its overrides, its place in a sweep."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ADOPT = "TFMLFLOW_ADOPT_RUN_ID"  # the run that `mlflow run` has opened for this command


@dataclass(frozen=True)
class Job:
    """A job.

    Attributes:
        folder: Where its config and log lie.
        overrides: What was given on the command line for it.
        number: Its place in the sweep, None outside one.
        run_id: The run that somebody has opened for this command: its own, or in a sweep the parent of all.
    """

    folder: Path
    overrides: tuple[str, ...] = ()
    number: int | None = None
    run_id: str | None = None


def current() -> Job:
    """The job that Hydra is running in this process."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    hydra = HydraConfig.get()
    sweeping = hydra.mode == RunMode.MULTIRUN
    return Job(
        folder=Path(hydra.runtime.output_dir),
        overrides=tuple(hydra.overrides.task),
        number=int(hydra.job.num) if sweeping else None,
        run_id=os.environ.get(ADOPT),
    )
