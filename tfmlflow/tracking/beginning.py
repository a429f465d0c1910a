"""What is known of an experiment before its training begins: the run's tags and description, the experiment's view."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfmlflow.data.record import Data
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.job.fingerprint import fingerprint
from tfmlflow.job.job import DIED, Job
from tfmlflow.masking import masked_overrides
from tfmlflow.objective import Objective
from tfmlflow.tracking.provenance import provenance
from tfmlflow.tracking.run import note
from tfmlflow.tracking.run.start import given_tags
from tfmlflow.tracking.store.saved_view import SavedView
from tfmlflow.vocabulary import Metric, Tag


def description(data: Data, job: Job, runtime: Runtime, experiment_id: str | None) -> str:
    """What is known before the training, for the run's description."""
    sizes = " / ".join(f"{len(split):,}" for split in (data.train, data.validation, data.test))
    known: dict[str, str | None] = {
        "Data": f"{data.name}, {sizes} examples (train / validation / test)",
        "Strategy": f"{runtime.strategy_name} on {', '.join(runtime.devices)}",
        "Output": str(Path(job.folder).resolve()),
    }
    about = f"{note.repeat(job.overrides)}\n\n{note.lines(known)}"
    if job.number is not None and job.run_id is not None and experiment_id is not None:
        sweep = note.link("the sweep", note.run_path(experiment_id, job.run_id))
        about += f"  \nJob {job.number} of {sweep}"
    return about


def view(objective: Objective) -> SavedView:
    """Of all runs of an experiment; in what they differ is added as they end (`experiment_view`)."""
    return SavedView("all runs", Metric.BEST_OBJECTIVE, objective.mode, objective.metric, ())


def source(job: Job) -> str:
    """Folder of the program."""
    return job.source or provenance.source_folder()


def tags(settings: Mapping[str, Any], job: Job, data: Data, runtime: Runtime) -> dict[str, str]:
    """Of the run."""
    found = given_tags(settings["tracking"])
    found |= {
        Tag.FINGERPRINT: fingerprint(settings, provenance.program(source(job))),
        Tag.DATA_DIGEST: data.digest,
        Tag.STRATEGY: runtime.strategy_name,
        Tag.DEVICES: ", ".join(runtime.devices),
        Tag.OVERRIDES: masked_overrides(job.overrides),
    }
    if data.skipped:
        found[Tag.SKIPPED] = str(len(data.skipped))
    if job.number is not None:
        found[Tag.JOB_NUMBER] = str(job.number)
    if job.sweep is not None:
        found[Tag.SWEEP] = job.sweep
    if job.goes_on is not None and (died := os.environ.get(DIED)):
        found[Tag.WORKER_DIED] = died
    if runtime.processes > 1:
        found[Tag.WORKERS] = str(runtime.processes)
    if runtime.fell_back is not None:
        found[Tag.FELL_BACK] = f"{runtime.fell_back} was asked for, but is not on this machine"
    commit, here = provenance.commit(source(job)), provenance.commit(".")
    if commit is not None:
        found |= {Tag.COMMIT: commit[0], Tag.GIT_DIRTY: str(commit[1]).lower()}
    if here is not None and here != commit:  # own models and data may come from the folder that one works in
        found |= {Tag.COMMIT_HERE: here[0], Tag.DIRTY_HERE: str(here[1]).lower()}
    return found
