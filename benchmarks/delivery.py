"""Our way to the store without a training: a run, and the shipper of a spool that is there for one measurement."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from typing import Any

import psutil

from tfmlflow.tracking.journal.spool import VARIABLE, Spool
from tfmlflow.tracking.run import opening
from tfmlflow.tracking.run.outbox import Outbox
from tfmlflow.tracking.run.session import Session
from tfmlflow.tracking.shipper import launch
from tfmlflow.tracking.store import store


def session(uri: str, name: str, **settings: Any) -> Session:
    """A run of ours without a training, opened as `TrackingCallback` opens its own."""
    uri, local_id, tags = store.absolute(uri), uuid.uuid4().hex, opening.complete({})
    opened = opening.create(uri, "Default", name, tags, local_id)
    return Session(Outbox(opened.run_id or local_id, uri), uri, opened, "Default", name, tags, **settings)


class Shipper:
    """Our shipper of a spool of its own, in `folder`; gone with the context.

    Args:
        uri: Of its store.
        folder: Where the spool is made.
        warm: Have it at work, with a first small run delivered, before the context is entered.
    """

    def __init__(self, uri: str, folder: Path, warm: bool) -> None:
        self._uri, self._folder, self._warm = store.absolute(uri), folder, warm
        self._process: psutil.Process | None = None
        self._cpu = 0.0

    def __enter__(self) -> Shipper:
        self._before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = str(self._folder)
        if self._warm:
            with session(self._uri, "warm-up", system_metrics=False) as run:
                run.metric("warm", 1.0, 1)
        return self

    def __exit__(self, *_: object) -> None:
        process = self.process
        if process is not None:
            self._cpu = self.cpu
            with contextlib.suppress(psutil.Error):
                process.terminate()
                process.wait(10)
        os.environ.pop(VARIABLE)
        if self._before is not None:
            os.environ[VARIABLE] = self._before

    @property
    def process(self) -> psutil.Process | None:
        """The shipper, once it is at work."""
        if self._process is None:
            pid = launch.state(Spool(self._folder), self._uri).pid
            with contextlib.suppress(psutil.Error):
                self._process = psutil.Process(pid) if pid is not None else None
        return self._process

    @property
    def cpu(self) -> float:
        """Seconds of processor time that it has taken."""
        with contextlib.suppress(psutil.Error):
            if self.process is not None:
                times = self.process.cpu_times()
                self._cpu = times.user + times.system
        return self._cpu
