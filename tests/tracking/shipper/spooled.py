"""Runs put into a spool by hand, and a shipper that works in the test's own process, on a real store."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from tests import stores
from tests.tracking.journal.samples import points
from tfmlflow.tracking.journal.liveness import Process
from tfmlflow.tracking.journal.records import Begin, End, Record
from tfmlflow.tracking.journal.run_folder import RunFolder
from tfmlflow.tracking.journal.spool import Spool
from tfmlflow.tracking.journal.writer import Journal
from tfmlflow.tracking.shipper.process import Shipper

__all__ = ["SpooledStore", "finished", "points"]


def dead_process() -> Process:
    """One of this machine that has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = float(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19])
        gone = Process(process.pid, started, Process.current().machine)
        assert gone.alive
    return gone


def finished(status: str | None = "FINISHED", **kwargs: Any) -> End:
    """The end of a training, now."""
    return End(status, int(time.time() * 1000), **kwargs)


class SpooledStore:
    """A SQLite store with an experiment `e`, and a spool for it; `fresh_spool` for each test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uri = stores.ready(folder)
        self.client = MlflowClient(self.uri)
        self.experiment = self.client.create_experiment("e", artifact_location=str(folder / "artifacts"))
        self._spools = 0
        self.fresh_spool()

    def fresh_spool(self) -> SpooledStore:
        """Leave behind what an earlier test could not deliver."""
        self._spools += 1
        self.spool = Spool(self.folder / f"spool{self._spools}").ready()
        return self

    def begin(self, run_id: str | None, process: Process | None = None, **kwargs: Any) -> Begin:
        """The beginning of a training by this process."""
        process, now = process or Process.current(), int(time.time() * 1000)
        known = self.experiment if run_id is not None else None
        given = {"sampled": False, "time": now} | kwargs
        return Begin(self.uri, "e", known, run_id, "name", {"given": "tag"}, process, **given)

    def created(self) -> str:
        """A run that is there."""
        return str(self.client.create_run(self.experiment).info.run_id)

    def put(self, key: str, *records: Record) -> RunFolder:
        """Let a training say something."""
        folder = self.spool.open(key, self.uri)
        journal = Journal(folder.journal)
        for record in records:
            journal.put(record)
        assert journal.close()
        return folder

    def run(self, *records: Record, **kwargs: Any) -> tuple[str, RunFolder]:
        """A new run and what a training says of it."""
        run_id = self.created()
        return run_id, self.put(run_id, self.begin(run_id, **kwargs), *records)

    def deliver(self, *folders: RunFolder, timeout: float = 60, until: Callable[[], bool] | None = None) -> Shipper:
        """Work until the store has everything of these runs."""
        shipper, deadline = Shipper(self.spool, self.uri, idle=1), time.monotonic() + timeout
        done = until or (lambda: all(folder.delivered for folder in folders))
        shipper.run(until=lambda: done() or time.monotonic() > deadline)
        assert done(), shipper.why
        return shipper

    def history(self, run_id: str, key: str) -> list[tuple[int, int, float]]:
        """(step, time, value) of each point in the store."""
        return [(p.step, p.timestamp, p.value) for p in self.client.get_metric_history(run_id, key)]
