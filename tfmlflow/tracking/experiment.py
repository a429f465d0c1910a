"""The run of an experiment that was composed from options: all that is known of it before and after the training."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import keras
from rich.console import Console

from tfmlflow.data.pipeline import Pipeline, example
from tfmlflow.data.record import Data
from tfmlflow.errors import Interrupted, UsageError
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.job.job import Job
from tfmlflow.job.report import JobReport
from tfmlflow.masking import masked_text
from tfmlflow.objective import Objective
from tfmlflow.result import Result
from tfmlflow.tracking import beginning, listeners, started
from tfmlflow.tracking.checkpoints import going_on
from tfmlflow.tracking.diagnosed import RunDiagnosis
from tfmlflow.tracking.recording import phases, results
from tfmlflow.tracking.recording.callback import TrackingCallback
from tfmlflow.tracking.recording.report.histograms import Histograms
from tfmlflow.tracking.recording.report.making import ReportMaker
from tfmlflow.tracking.run import result_note
from tfmlflow.tracking.run.session import Session
from tfmlflow.tracking.run.signals import Signals
from tfmlflow.tracking.run.start import start
from tfmlflow.tracking.store import store
from tfmlflow.tracking.store.names import run_name
from tfmlflow.tracking.store.saved_view import ALL, path
from tfmlflow.trainer import BatchSize
from tfmlflow.vocabulary import Tag


class Experiment:
    """A session with the config, the data and the machine on record, and the callback that records the training.

    Attributes:
        name: Of the run.
        session: The run.
        callback: To be given to `fit`.
        maker: Of `report.html`; None: there shall be none.
        console: For progress and the closing table.
    """

    def __init__(
        self,
        name: str,
        session: Session,
        callback: TrackingCallback,
        data: Data,
        job: Job,
        diagnosis: RunDiagnosis,
        log_model: bool,
        register_as: str | None = None,
        report: ReportMaker | None = None,
    ) -> None:
        self.name, self.session, self.callback, self.maker = name, session, callback, report
        self.console = Console(markup=False, highlight=False)
        self._data, self._log_model, self._register_as = data, log_model, register_as
        self._diagnosis = diagnosis
        self._folder, self._report = (
            job.folder,
            JobReport(run_id=session.run_id, in_store=session.opened.run_id is not None, name=name, start=job.start),
        )
        self._report.write(job.folder)
        session.why_stopped = job.stop_requested or (lambda: None)
        self._began = time.monotonic()
        self._about = ""
        self.histograms: Histograms | None = None

    @classmethod
    def open(
        cls,
        settings: Mapping[str, Any],
        job: Job,
        data: Data,
        runtime: Runtime,
        objective: Objective,
        batch: BatchSize | None = None,
        parent: str | None = None,
    ) -> Self:
        """Open the run (or the one that somebody has opened for us) and record what it starts from.

        Args:
            settings: The whole config, as it was composed: the fingerprint is of that.
            job: That it is made by.
            data, runtime, objective: Of the training.
            batch: What `data.batch_size=auto` stands for here; it is what params say.
            parent: A run that it belongs to, in place of the sweep's.
        """
        logging.getLogger("mlflow").setLevel(logging.WARNING)  # its notices on a new store say nothing to a user
        tracking = settings["tracking"]
        uri, group = store.absolute(tracking["uri"]), tracking["experiment"]
        name = run_name(settings, job.overrides, job.varied)
        tags = beginning.tags(settings, job, data, runtime)
        signals = Signals().__enter__()
        signals.deferred, signals.beat = True, time.monotonic()  # a run that exists must have somebody to end it
        adopts = job.run_id is not None and job.number is None
        try:
            session = start(
                *(uri, group, name, tags),
                adopt=job.run_id if adopts else None,
                parent=None if adopts else parent or job.run_id or job.parent,
                parent_key=job.parent_key if job.run_id is None and parent is None else None,
                view=None if job.run_id else beginning.view(objective),
                drain_timeout=tracking["drain_timeout"],
                system_metrics=tracking["system_metrics"],
                signals=signals,
            )
        except BaseException as error:
            signals.__exit__(type(error), error, error.__traceback__)
            raise
        callback = listeners.callback_of(settings, job, data, objective, session)
        try:
            if job.goes_on is not None:
                callback.known_checkpoints = going_on.entries(going_on.place(Path(job.folder)), job.goes_on)
            diagnosis = RunDiagnosis(settings, data, runtime)
            wanted = tracking.get("report", True)  # a file of somebody's own may be older than the key
            maker = listeners.report_of(name, settings, job, data, runtime, callback) if wanted else None
            experiment = cls(
                *(name, session, callback, data, job, diagnosis, tracking["log_model"], tracking["register_as"]), maker
            )
            if (every := tracking.get("histograms")) is not None:
                experiment.histograms = Histograms(every, data.train, callback.last_epoch, runtime.processes == 1)
            signals.deferred = False
            if signals.stop:
                raise signals.error()
            experiment._about = started.record(session, started.with_found(settings, batch), job, data, runtime)
            if batch is not None and batch.said:
                started.record_found(session, batch)
                experiment.console.print(batch.said, soft_wrap=True)
        except BaseException as error:
            session.__exit__(type(error), error, error.__traceback__)
            raise
        return experiment

    @property
    def run_id(self) -> str:
        """Id of the MLflow run, for other workers; empty where the store was away when it was to be opened."""
        return self.session.opened.run_id or ""

    @property
    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Those that watch the training."""
        noted = [self.maker.notes] if self.maker is not None else []
        drawn = [self.histograms] if self.histograms is not None else []
        return [self.callback, *self._diagnosis.callbacks, *noted, *drawn]

    def join(self, run_id: str) -> None:
        """The run is the chief's own, and known."""

    def announce(self, model: keras.Model, pipeline: Pipeline) -> None:
        """Say what is about to be trained, and where it is recorded."""
        self.callback.input_wait = pipeline.wait.share
        self._diagnosis.watch(pipeline)
        shown = started.picture(self.session, pipeline)
        if shown is not None and self.maker is not None:
            self.maker.augmented = shown
        sizes = "/".join(f"{len(split):,}" for split in (self._data.train, self._data.validation, self._data.test))
        self.session.params({"model.parameters": model.count_params()})
        begun = started.record_pretrained(self.session, model)
        self.console.print(
            f"{self.name}: {model.count_params():,} parameters, "
            f"data {self._data.name} {sizes} (train/validation/test)\n{begun}"
            f"run {self.session.run_id} in {store.shown(self.session.uri)}",
            soft_wrap=True,
        )

    def close(self, model: keras.Model, result: Result) -> None:
        """Record the result, the curves and the best model; `model` holds the best weights."""
        session = self.session
        session.reason, session.signals.stays = result.reason, True
        if self._about:
            session.tags({Tag.NOTE: f"{result_note.text(result)}\n\n{self._about}"})
        epochs, digest = self.callback.epochs, self._data.digest
        self._diagnosis.conclude(session, epochs.logs, result.reason)
        reached = results.metrics(epochs.best) | {f"test/{name}": value for name, value in result.test.items()}
        now = session.now()
        session.metrics(reached, result.best_epoch or 0, now)
        said = reached | {"model.parameters": float(model.count_params())}
        self._report = replace(self._report, objective=result.objective, best_epoch=result.best_epoch, metrics=said)
        marks = phases.marks(model, len(epochs.logs))
        results.draw(session, epochs.history, epochs.best.epoch, epochs.matrices, marks)
        if self._log_model and result.best_epoch is not None:
            registered = results.registration(epochs.best, self._register_as, digest)
            dataset, sample = (self._data.name, digest), example(self._data.test)
            results.log_model(
                *(session, model, result.best_epoch, reached, now, dataset, sample, registered),
                preparation=self._data.prepared_by,
                raw=self._data.raw,
            )
        if self.maker is not None:
            self.maker.histograms, self.maker.diagnosis = self.histograms, self._diagnosis.findings
            self.maker.record(session, model, result, epochs, time.monotonic() - self._began)

    def report(self, result: Result) -> None:
        """Print the closing table and how to open the run; a signal now comes too late to end it."""
        try:
            result.report(self.console, self.name, self.session.run_id, self.session.location, self._diagnosis.said)
            opened = self.session.opened
            if opened.viewed and opened.experiment_id is not None:
                all_runs = store.page(self.session.uri, path(opened.experiment_id, ALL))
                self.console.print(f"all   {all_runs}", soft_wrap=True)
        finally:
            self.session.signals.leave()

    def __enter__(self) -> Self:
        self.session.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session = self.session
        if self._about and error is not None and not isinstance(error, UsageError):
            why = session.without_secrets(masked_text(" ".join(f"{type(error).__name__}: {error}".split())))[:500]
            said = "Stopped by a signal" if isinstance(error, Interrupted) else f"**FAILED**: {why}"
            session.tags({Tag.NOTE: f"{said}\n\n{self._about}"})
        session.__exit__(kind, error, trace)
        report = replace(self._report, status=session.status, reason=session.reason, error=session.error)
        report = replace(report, seconds=time.monotonic() - self._began)
        report.write(self._folder)
        if isinstance(error, Interrupted):
            self.console.print(
                f"stopped by {signal.Signals(error.signum).name}: run {self.session.run_id} ended as KILLED, with a "
                f"checkpoint of the last step\nopen  {self.session.location}",
                soft_wrap=True,
            )
