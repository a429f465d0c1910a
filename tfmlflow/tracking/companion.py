"""A worker beside the chief: its measurements and its log in the chief's run, and nothing else."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import keras
from rich.console import Console

from tfmlflow.errors import WorkerLost
from tfmlflow.hardware.attendance import Member
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.job.job import Job
from tfmlflow.tracking.journal.liveness import Process
from tfmlflow.tracking.journal.records import Begin, Left
from tfmlflow.tracking.recording.training import FIRST_STEP
from tfmlflow.tracking.run.outbox import Outbox
from tfmlflow.tracking.run.run_log import RunLog
from tfmlflow.tracking.run.signals import Signals
from tfmlflow.tracking.store import store

ALONE = 5.0  # seconds after a signal within which the chief has ended the training, if it had one too
EVERY = 1.0  # seconds between two steps that are told

log = logging.getLogger(__name__)


class Steps(keras.callbacks.Callback):
    """Says now and then which step a worker is at.

    Args:
        say: Takes the global step.
    """

    def __init__(self, say: Callable[[int], None]) -> None:
        super().__init__()
        self._say, self._next, self._before = say, 0.0, 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Counts what was before."""
        self._before = epoch * (self.params.get("steps") or 0)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Says it."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY
            self._say(self._before + batch)


class Companion:
    """What `Experiment` is to the chief.

    Attributes:
        callbacks: Those that watch the training.
        run_id: The chief knows.
        console: Says nothing: the chief does.
    """

    def __init__(self, settings: Mapping[str, Any], job: Job, runtime: Runtime) -> None:
        self.console, self.callbacks = Console(quiet=True), [Steps(self._at)]
        self._tracking, self._folder, self._name = settings["tracking"], Path(job.folder), runtime.name
        self._outbox: Outbox | None = None
        self._log: RunLog | None = None
        self._settings, self._signals = settings, Signals()
        self.run_id, self._told = "", 0.0

    def join(self, run_id: str) -> None:
        """The chief has told which run is written; nothing, where the store was away."""
        if not run_id:
            log.warning("the run of worker 0 has no id yet, so that it gets no measurements of %s", self._name)
            return
        uri = store.absolute(self._tracking["uri"])
        self._outbox = Outbox(run_id, uri)
        self._log = RunLog(self._outbox)
        self._log.keep_secret(self._settings)
        sampled = bool(self._tracking["system_metrics"])
        self._outbox.put(
            Begin(
                uri=store.shown(uri),
                experiment=self._tracking["experiment"],
                experiment_id=None,
                run_id=run_id,
                name="",
                tags={},
                process=Process.current(),
                time=int(self._log.now() * 1000),
                owned=False,
                sampled=sampled,
                worker=self._name,
            )
        )
        self._outbox.start()

    def serve(self, member: Member) -> None:
        """Serve until the chief says that it is over.

        Raises:
            WorkerLost: It is gone without.
        """
        self._signals.beat = time.monotonic()
        if not member.serve(lambda said: self.join(said.get("run_id", "")), self.beat):
            raise WorkerLost("the chief is gone")

    def beat(self) -> None:
        """Now and then: a signal is the chief's to obey; where it has had none, this one leaves alone."""
        signals = self._signals
        signals.beat = time.monotonic()
        if signals.stop:
            self._told = self._told or signals.beat
            if signals.beat - self._told > ALONE:
                raise signals.error()

    def _at(self, step: int) -> None:
        """At a step, now and then."""
        self.beat()
        if self._log is not None:
            self._log.metric(f"system/{self._name}/step", step, step)
            self._log.soon()

    def announce(self, *_: Any) -> None:
        """The chief does."""

    def close(self, *_: Any) -> None:
        """The chief does."""

    def report(self, *_: Any) -> None:
        """The chief does."""

    def __enter__(self) -> Companion:
        self._signals.__enter__()
        self._signals.deferred, self._signals.beat = True, time.monotonic() + FIRST_STEP
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._signals.__exit__(kind, error, trace)
        if self._outbox is not None and self._log is not None:
            self._leave(self._outbox, self._log)
        if self._signals.received is not None and isinstance(error, Exception):
            raise self._signals.error() from None  # what has failed since was the chief's leaving

    def _leave(self, outbox: Outbox, said: RunLog) -> None:
        logs = [file for name in ("output.log", "train.log") if (file := self._folder / name).is_file()]
        for file in logs[:1]:
            said.text(f"{self._name}.log", file.read_text(encoding="utf-8", errors="replace"), "logs")
        outbox.put(Left())
        outbox.close()  # without waiting: the shipper delivers it, and the chief must be the last to leave
