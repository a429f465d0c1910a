"""What listens to an experiment's training: the callback that records it, and the maker of its report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfmlflow.config.together.range_test import is_range_test
from tfmlflow.data.record import Data
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.job.job import Job
from tfmlflow.objective import Objective
from tfmlflow.tracking.checkpoints import going_on
from tfmlflow.tracking.recording.callback import TrackingCallback
from tfmlflow.tracking.recording.report.epoch_notes import EpochNotes
from tfmlflow.tracking.recording.report.making import ReportMaker
from tfmlflow.tracking.run.session import Session


def callback_of(
    settings: Mapping[str, Any], job: Job, data: Data, objective: Objective, session: Session
) -> TrackingCallback:
    """The callback that records the training in the run of `session`."""
    tracking = settings["tracking"]
    return TrackingCallback(
        objective.monitor,
        objective.mode,
        log_every=tracking["log_every"],
        checkpoint_every=None if is_range_test(settings) else tracking["checkpoint_every"],
        keep_last=tracking["keep_last"],
        keep_best=tracking["keep_best"],
        checkpoint_dir=going_on.place(Path(job.folder)),
        class_names=data.class_names,
        session=session,
    )


def report_of(
    name: str, settings: Mapping[str, Any], job: Job, data: Data, runtime: Runtime, callback: TrackingCallback
) -> ReportMaker:
    """The maker of a run's report, which listens to the training beside `callback`."""
    notes = EpochNotes(data, callback.last_epoch, runtime.replicas == 1 and runtime.processes == 1)
    return ReportMaker(name, settings, job, data, runtime, notes)
