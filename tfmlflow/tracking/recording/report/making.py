"""Makes the report of a run when its training is over: bounded in time, and no fault of it is the run's."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from tfmlflow.analysis.run_report import content, examples, layers, page
from tfmlflow.data.record import Data
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.job.job import Job
from tfmlflow.masking import masked, masked_overrides
from tfmlflow.result import Result
from tfmlflow.tracking.models import model_export
from tfmlflow.tracking.provenance import provenance
from tfmlflow.tracking.recording import media
from tfmlflow.tracking.recording.epochs import EpochRecorder
from tfmlflow.tracking.recording.report import wording
from tfmlflow.tracking.recording.report.epoch_notes import EpochNotes
from tfmlflow.tracking.recording.report.files import Files
from tfmlflow.tracking.recording.report.histograms import FILE as HISTOGRAMS
from tfmlflow.tracking.recording.report.histograms import FOLDER, Histograms
from tfmlflow.tracking.recording.report.parts import Parts
from tfmlflow.tracking.recording.report.predictions import Predictions
from tfmlflow.tracking.run.session import Session
from tfmlflow.tracking.store import names
from tfmlflow.trainer.callbacks.best import Before
from tfmlflow.trainer.predicting import Forward, predict
from tfmlflow.vocabulary import File, Tag

log = logging.getLogger(__name__)

SECONDS = 30.0  # that a report may take
MANY = 1000  # classes: a matrix of all against all has their square
PREDICTING = 0.5  # share of that for predictions
PROFILE = "profile/profile.json"  # in the job's folder, of a training that was profiled
WIDEST = 1400  # pixels of the picture of augmentation


@dataclass
class ReportMaker:
    """What a report is made of, as it becomes known.

    Attributes:
        name: Of the run.
        settings, job, data, runtime: Of the experiment.
        notes: Of its epochs.
        histograms: Of its weights, if they were asked for.
        augmented: Images before and after augmentation, if there is one.
        diagnosis: Findings, each with `rule`, `sentence`, `evidence`, `confidence` and `advice`.
        before: What an earlier process of the training has left.
    """

    name: str
    settings: Mapping[str, Any]
    job: Job
    data: Data
    runtime: Runtime
    notes: EpochNotes
    histograms: Histograms | None = None
    augmented: Sequence[np.ndarray[Any, Any]] | None = None
    diagnosis: Sequence[Mapping[str, Any]] = field(default=())
    before: Before | None = None

    def record(
        self, session: Session, model: keras.Model, result: Result, epochs: EpochRecorder, seconds: float
    ) -> None:
        """Make it and send it; never fails.

        Args:
            session: The run.
            model: Holds the best epoch's weights, if one is known to be the best.
            result: What came out.
            epochs: Their metrics.
            seconds: That the training took.
        """
        parts = Parts(SECONDS)
        try:
            said = self._content(session, model, result, epochs, seconds, parts)
            text = page.html(self.name, wording.without_secrets(said, session))
            session.text(File.REPORT, text, mask=False)  # masked above; the page's scripts are known by their hashes
        except Exception as error:
            log.warning("there is no report.html: %s: %s", type(error).__name__, error)
            session.missing(f"report.html: {type(error).__name__}: {error}")
            return
        if parts.failed:
            log.warning("report.html is not complete: %s", "; ".join(parts.failed))

    def _content(
        self,
        session: Session,
        model: keras.Model,
        result: Result,
        epochs: EpochRecorder,
        seconds: float,
        parts: Parts,
    ) -> dict[str, Any]:
        predicted: dict[str, Any] = {}
        if result.best_epoch is None:
            parts.left.append("predictions: no epoch is known to be the best")
        else:
            predicted = self._predicted(session, model, result.best_epoch, parts)
        said = {
            "headline": wording.headline(result),
            "summary": f"{self.name}, run {session.run_id}",
            "best_epoch": result.best_epoch,
            "diagnosis": content.diagnoses(self.diagnosis),
            "results": [
                [name, *(content.finite(part.get(name)) for part in (result.train, result.validation, result.test))]
                for name in (result.validation or result.train)
            ],
            "curves": content.curves(epochs.history, epochs.rates),
            **predicted,
            "augmentation": parts.make("augmentation", self._augmentation),
            "histograms": parts.make("histograms", lambda: self._histograms(session)),
            "model": parts.make("model", lambda: layers.of(model)),
            "facts": parts.make("facts", lambda: self._facts(session, result, seconds)),
            "config": parts.make("config", self._config),
            "command": f"python train.py {masked_overrides(self.job.overrides)}".strip(),
        }
        return said | {"left": parts.left}

    def _predicted(self, session: Session, model: keras.Model, best: int, parts: Parts) -> dict[str, Any]:
        data, alone = self.data, self.runtime.replicas == 1 and self.runtime.processes == 1
        split, name = (data.test, "test") if len(data.test) else (data.validation, "validation")
        # A copy has no variables that are shared with other devices and processes, which might have to be asked.
        forward = self.notes.forward() if alone else Forward(model_export.uncompiled(model))
        files = Files(session, parts, name, len(split))
        said: dict[str, Any] = {}
        if data.task != "regression" and data.classes > MANY:
            parts.left.append(f"predictions: of {data.classes:,} classes; they are shown of up to {MANY:,}")
            return said
        time_for = PREDICTING * parts.rest
        outputs = parts.make(
            "predictions", lambda: predict(forward, split, time_for, outputs=data.classes or data.outputs)
        )
        if outputs is not None:
            said = Predictions(model, data, split, name, outputs, parts, files).content()
        if self.notes.counts:
            said["by_epoch"] = parts.make("classes by epoch", lambda: self._by_epoch(best, files))
        return said

    def _by_epoch(self, best: int, files: Files) -> dict[str, Any] | None:
        notes, data = self.notes, self.data
        notes.note(best)  # whose weights the model has
        if not notes.counts:
            return None
        of = data.class_names or tuple(map(str, range(data.classes)))
        files.by_epoch(of, notes.counts)
        fewest, most = (int(find(one.sum() for one in notes.counts.values())) for find in (min, max))
        counted = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
        shown = f"epochs {', '.join(map(str, sorted(notes.counts)))}"
        if len(notes.counts) > 12:
            shown = f"{len(notes.counts)} of the epochs"
        note = f"validation split, {counted} of {len(data.validation):,} examples; {shown}"
        return content.by_epoch(of, notes.counts) | {"note": note}

    def _augmentation(self) -> str | None:
        if self.augmented is None:
            return None
        pixels = np.round(media.grid(self.augmented) * 255).astype(np.uint8)
        return examples.address(pixels, WIDEST)

    def _histograms(self, session: Session) -> list[dict[str, Any]]:
        if self.histograms is None or not self.histograms.taken:
            return []
        session.text(HISTOGRAMS, self.histograms.text(), FOLDER, mask=False)
        return self.histograms.shown()

    def _config(self) -> list[list[str]]:
        flat = names.flat({key: value for key, value in self.settings.items() if key != "sweep"})
        return [[key, str(masked(key, value))] for key, value in flat.items()]

    def _facts(self, session: Session, result: Result, seconds: float) -> list[tuple[str, list[list[str]]]]:
        data, runtime = self.data, self.runtime
        sizes = " / ".join(f"{len(split):,}" for split in (data.train, data.validation, data.test))
        about_data = {
            "data set": data.name,
            "task": data.task,
            "examples": f"{sizes} (training / validation / test)",
            "example": " × ".join(map(str, data.input_shape))
            or "; ".join(f"{name}: {one.dtype} {one.shape}" for name, one in data.inputs.items()),
            "classes": data.classes or None,
            "source": masked("source", data.source),
            "digest": data.digest,
            "left out as unreadable": len(data.skipped) or None,
        }
        environment = wording.environment(
            runtime.devices,
            self.job.source or provenance.source_folder(),
            strategy=runtime.strategy_name,
            processes=runtime.processes,
        )
        facts = [("Data", content.facts(about_data)), ("Environment", content.facts(environment))]
        facts.append(("Attempts", content.facts(self._attempts(session, result, seconds))))
        return facts + [("Profile", said) for said in [self._profile()] if said]

    def _attempts(self, session: Session, result: Result, seconds: float) -> dict[str, Any]:
        tags, before = session.opened.tags or {}, self.before
        return {
            "attempt": session.opened.attempts + 1,
            "epochs of earlier attempts": before.epoch if before is not None else None,
            "the earlier one ended by": tags.get(Tag.ERROR) or tags.get(Tag.END_REASON) if before is not None else None,
            "epochs": result.epochs,
            "seconds": f"{seconds:.1f}",
            "ended": result.reason,
        }

    def _profile(self) -> list[list[str]]:
        file = self.job.folder / PROFILE
        if not file.is_file():
            return []
        told = json.loads(file.read_text(encoding="utf-8"))
        said = {"verdict": told.get("verdict")}
        if isinstance(whole := told.get("whole"), int | float):
            said["seconds of the whole training"] = f"{whole:.1f}"
        return content.facts(said)
