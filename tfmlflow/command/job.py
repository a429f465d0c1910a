"""What Hydra knows of the job that is running: its folder, its overrides, its place in a sweep."""

from __future__ import annotations

import os
from pathlib import Path

from tfmlflow.job.job import GO_ON, PARENT, Job, take_run_id
from tfmlflow.job.report import JobReport
from tfmlflow.sweep.jobs.sweep_file import SweepFile


def current() -> Job:
    """The job that Hydra is running in this process."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    hydra = HydraConfig.get()
    folder, overrides, run_id = Path(hydra.runtime.output_dir), tuple(hydra.overrides.task), take_run_id()
    if hydra.mode != RunMode.MULTIRUN:
        return Job(folder, overrides, run_id=run_id, parent=os.environ.get(PARENT) or None, goes_on=_begun())
    number, link = int(hydra.job.num), SweepFile.read(Path(hydra.sweep.dir))
    if link is None:  # of somebody else's sweeper
        return Job(folder, overrides, number, run_id)
    return Job(
        folder=folder,
        overrides=overrides,
        number=number,
        run_id=link.parent,
        parent_key=link.parent_key,
        sweep=link.sweep,
        start=link.start,
        varied=tuple(link.keys),
        source=link.source,
        should_prune=link.reporter(number),
        stop_requested=lambda: JobReport.ending(folder),
    )


def _begun() -> float | None:
    said = os.environ.get(GO_ON)
    return float(said) if said else None
