"""What Hydra knows of the job that is running: its folder, its overrides, its place in a sweep."""

from __future__ import annotations

from pathlib import Path

from tfmlflow.job import Job, take_run_id


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
        run_id=take_run_id(),
    )
