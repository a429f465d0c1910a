"""The run of an experiment that was composed from options: all that is known of it before and after the training."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import keras
from rich.console import Console

from tfmlflow.data.pipeline import example
from tfmlflow.data.record import Data
from tfmlflow.errors import Interrupted
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.job import Job
from tfmlflow.result import Result
from tfmlflow.tracking import datasets, provenance
from tfmlflow.tracking.callback import TrackingCallback
from tfmlflow.tracking.names import legal, run_name
from tfmlflow.tracking.secrets import masked, masked_overrides
from tfmlflow.tracking.session import Session
from tfmlflow.tracking.signals import Signals
from tfmlflow.tracking.store import Store
from tfmlflow.trainer.objective import Objective

CONFIG_FILES = ("config.yaml", "overrides.yaml", "hydra.yaml")


class Experiment:
    """A session with the config, the data and the machine on record, and the callback that records the training.

    Attributes:
        name: Of the run.
        session: The run.
        callback: To be given to `fit`.
        console: For progress and the closing table.
    """

    def __init__(self, name: str, session: Session, callback: TrackingCallback, data: Data, log_model: bool) -> None:
        self.name, self.session, self.callback = name, session, callback
        self.console = Console(markup=False, highlight=False)
        self._data, self._log_model = data, log_model

    @classmethod
    def open(
        cls, settings: Mapping[str, Any], job: Job, data: Data, runtime: Runtime, objective: Objective
    ) -> Experiment:
        """Open the run (or the one that somebody has opened for us) and record what it starts from."""
        logging.getLogger("mlflow").setLevel(logging.WARNING)  # its notices on a new store say nothing to a user
        tracking = settings["tracking"]
        name = run_name(settings, job.overrides)
        tags = _tags(settings, job, data, runtime)
        store = Store.open(tracking["uri"], tracking["experiment"], beside=job.run_id)
        adopts = job.run_id is not None and job.number is None
        signals = Signals().__enter__()
        signals.deferred, signals.beat = True, time.monotonic()  # a run that exists must have somebody to end it
        if adopts:
            run_id = store.adopt_run(str(job.run_id), name, tags)
        else:
            parent = {"mlflow.parentRunId": job.run_id} if job.run_id else {}
            run_id = store.create_run(name, tags | parent)
        session = Session(
            store, run_id, tracking["drain_timeout"], tracking["system_metrics"], signals, ours=not adopts
        )
        callback = TrackingCallback(
            objective.monitor,
            objective.mode,
            log_every=tracking["log_every"],
            checkpoint_every=tracking["checkpoint_every"],
            session=session,
        )
        experiment = cls(name, session, callback, data, tracking["log_model"])
        try:
            signals.deferred = False
            if signals.received is not None:
                raise Interrupted(signals.received)
            experiment._record_start(settings, job, runtime)
        except BaseException as error:
            session.__exit__(type(error), error, error.__traceback__)
            raise
        return experiment

    def _record_start(self, settings: Mapping[str, Any], job: Job, runtime: Runtime) -> None:
        session = self.session
        session.params(settings)
        session.dataset(datasets.record(self._data))
        for file in CONFIG_FILES:
            composed = job.folder / ".hydra" / file
            if composed.is_file():
                session.text(file, composed.read_text(encoding="utf-8"), "config")
        session.text("packages.txt", provenance.packages(), "environment")
        session.text("machine.json", provenance.machine(runtime.devices), "environment")
        if diff := provenance.diff(provenance.source_folder()):
            session.text("diff.patch", diff, "environment", mask=False)

    def announce(self, model: keras.Model) -> None:
        """Say what is about to be trained, and where it is recorded."""
        sizes = "/".join(f"{len(split):,}" for split in (self._data.train, self._data.validation, self._data.test))
        self.session.params({"model.parameters": model.count_params()})
        self.console.print(
            f"{self.name}: {model.count_params():,} parameters, "
            f"data {self._data.name} {sizes} (train/validation/test)\n"
            f"run {self.session.run_id} in {self.session.store.shown_uri}",
            soft_wrap=True,
        )

    def close(self, model: keras.Model, result: Result) -> None:
        """Record the result, the curves and the best model; `model` holds the best weights."""
        session = self.session
        session.reason = result.reason
        best = self.callback.best_metrics()
        test = {f"test/{name}": value for name, value in result.test.items()}
        now = time.time()
        session.metrics(best | test, result.best_epoch or 0, now)
        self.callback.draw()
        if self._log_model and result.best_epoch is not None:
            sample = example(self._data.test)
            self.callback.log_model(best | test, now, (self._data.name, self._data.digest), sample)

    def report(self, result: Result) -> None:
        """Print the closing table and how to open the run."""
        result.report(self.console, self.name, self.session.run_id, self.session.store.address(self.session.run_id))

    def __enter__(self) -> Experiment:
        self.session.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.__exit__(kind, error, trace)
        if isinstance(error, Interrupted):
            self.console.print(
                f"stopped by {signal.Signals(error.signum).name}: run {self.session.run_id} ended as KILLED, with a "
                f"checkpoint of the last step\nopen  {self.session.store.address(self.session.run_id)}",
                soft_wrap=True,
            )


def _tags(settings: Mapping[str, Any], job: Job, data: Data, runtime: Runtime) -> dict[str, str]:
    tags = {legal(str(key)): str(masked(str(key), value)) for key, value in settings["tracking"]["tags"].items()}
    tags |= {
        "tfmlflow.data_digest": data.digest,
        "hardware.strategy": runtime.strategy_name,
        "hardware.devices": ", ".join(runtime.devices),
        "hydra.overrides": masked_overrides(job.overrides),
        "tfmlflow.output_folder": str(Path(job.folder).resolve()),
    }
    if job.number is not None:
        tags["hydra.job.num"] = str(job.number)
    if runtime.fell_back is not None:
        tags["hardware.fell_back"] = f"{runtime.fell_back} was asked for, but is not on this machine"
    commit, here = provenance.commit(provenance.source_folder()), provenance.commit(".")
    if commit is not None:
        tags |= {"mlflow.source.git.commit": commit[0], "tfmlflow.git_dirty": str(commit[1]).lower()}
    if here is not None and here != commit:  # own models and data may come from the folder that one works in
        tags |= {"tfmlflow.working_folder_commit": here[0], "tfmlflow.working_folder_dirty": str(here[1]).lower()}
    return tags
