"""What is recorded of an experiment at its start: config, data, code, machine, and a picture of the augmentation."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tfmlflow.data.pipeline import Pipeline
from tfmlflow.data.record import Data
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.job.job import Job
from tfmlflow.models.pretrained import start_of
from tfmlflow.tracking import beginning
from tfmlflow.tracking.provenance import datasets, patch, provenance
from tfmlflow.tracking.recording import media
from tfmlflow.tracking.run.session import Session
from tfmlflow.trainer import BatchSize
from tfmlflow.vocabulary import File, Tag

log = logging.getLogger(__name__)

CONFIG_FILES = ("config.yaml", "overrides.yaml", "hydra.yaml")


def record(session: Session, settings: Mapping[str, Any], job: Job, data: Data, runtime: Runtime) -> str:
    """Record what the training starts from.

    Args:
        session: The run.
        settings: The whole config, with numbers in place of `auto`.
        job, data, runtime: Of the training.

    Returns:
        What the run's description says of it; empty where somebody else's stands.
    """
    about = ""
    compresses = "_target_" in settings.get("compress", {})
    apart = ("sweep",) if compresses else ("sweep", "compress")  # not what it is
    session.params({key: value for key, value in settings.items() if key not in apart})
    theirs = Tag.NOTE in (session.opened.tags or {}) and job.goes_on is None  # else an earlier process's of ours
    if Tag.NOTE not in settings["tracking"]["tags"] and not theirs:
        about = beginning.description(data, job, runtime, session.opened.experiment_id)
        session.tags({Tag.NOTE: about})
    session.dataset(datasets.record(data))
    if data.skipped:
        folder, _, name = File.SKIPPED.rpartition("/")
        session.text(name, "\n".join(data.skipped) + "\n", folder)
    if (known := data.preparation) is not None and known.words:
        folder, _, name = File.WORDS.rpartition("/")
        session.text(name, "\n".join(known.words) + "\n", folder)
    for file in CONFIG_FILES:
        composed = job.folder / ".hydra" / file
        if composed.is_file():
            session.text(file, composed.read_text(encoding="utf-8"), "config")
    session.text("packages.txt", provenance.packages(), "environment")
    session.text("machine.json", provenance.machine(runtime.devices), "environment")
    if settings["tracking"]["diff"]:
        for path, text in patch.of_program(beginning.source(job)).items():
            folder, _, name = path.rpartition("/")
            session.text(name, session.without_secrets(text), folder, mask=False)
    if runtime.coordinator is not None:
        runtime.coordinator.tell(run_id=session.opened.run_id or "")
        runtime.coordinator.deaths = functools.partial(_died, session)
    return about


def with_found(settings: Mapping[str, Any], batch: BatchSize | None) -> Mapping[str, Any]:
    """The config with numbers in place of `auto`."""
    if batch is None or settings["data"].get("batch_size") == batch.size:
        return settings
    return {**settings, "data": {**settings["data"], "batch_size": batch.size}}


def record_found(session: Session, batch: BatchSize) -> None:
    """What `auto` stands for, beside the config that says `auto`."""
    folder, _, name = File.FOUND.rpartition("/")
    session.text(name, f"# {batch.said}\ndata:\n  batch_size: {batch.size}\n", folder)
    session.tags({Tag.BATCH_SIZE: batch.said})


def record_pretrained(session: Session, model: keras.Model) -> str:
    """What the training begins with, if that is weights that were trained before.

    Returns:
        What a person is told of it; empty: it begins with none.
    """
    if (start := start_of(model)) is None:
        return ""
    trained = sum(math.prod(one.shape) for one in model.trainable_weights)
    session.params({"model.trained_parameters": trained, **start.known})
    return f"{start.said}\n{trained:,} of its parameters are trained from the first epoch\n"


def picture(session: Session, pipeline: Pipeline) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
    """Images before and after augmentation, as a picture in the run; a training goes on without.

    Returns:
        What the picture shows, of shape `(count, height, width, 1, 3 or 4)` each; None: there is none.
    """
    try:
        if (shown := pipeline.augmented()) is not None:
            file = session.staging / "plots" / "augmentation.png"
            file.parent.mkdir(mode=0o700, exist_ok=True)
            media.save(media.grid(shown), file)
            session.artifact(file, "plots")
        return shown
    except Exception as error:
        log.warning("there is no picture of the augmentation: %s: %s", type(error).__name__, error)
        return None


def _died(session: Session, name: str, step: int) -> None:
    """A process beside this one is gone."""
    said = f"{name} was gone after step {step:,}"
    log.warning(said)
    session.tags({Tag.WORKER_DIED: said})
