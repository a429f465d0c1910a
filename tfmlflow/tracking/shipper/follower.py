"""Follows one run: delivers what its journal says, and ends it as it said."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from tfmlflow.tracking.journal import format, history, reader
from tfmlflow.tracking.journal.spool import RunFolder
from tfmlflow.tracking.records import (
    Artifact,
    Begin,
    Dataset,
    End,
    Left,
    Model,
    Params,
    Points,
    Record,
    Tags,
    Withdrawn,
)
from tfmlflow.tracking.shipper import away
from tfmlflow.tracking.shipper.cursor import Cursor
from tfmlflow.tracking.shipper.requests import Requests
from tfmlflow.tracking.shipper.watch import Watch

log = logging.getLogger(__name__)

INTERVAL = 2.0  # seconds between two deliveries while the training goes on
MANY = 1000  # points in one delivery: with a few tags they fit into one or two requests


class Follower:
    """One run on its way into the store.

    Args:
        folder: Of the run.
        requests: To the store.
    """

    def __init__(self, folder: RunFolder, requests: Requests) -> None:
        self.folder, self._requests = folder, requests
        self.cursor = Cursor.of(folder)
        self.lock = threading.RLock()
        self._watch = Watch(folder, self.cursor, requests)
        self._delivered_at = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time to look at the run again."""
        return self._watch.due or self._delivery_due

    @property
    def _delivery_due(self) -> bool:
        hurry = self.folder.closing.exists() or not self._watch.alive or self.cursor.begin is None
        return hurry or time.monotonic() - self._delivered_at > INTERVAL

    @property
    def progress(self) -> tuple[int, ...]:
        """Changes with every part that the store has taken."""
        return self.cursor.journal, self.cursor.system, self.cursor.settled, self._watch.beats

    def step(self) -> bool:
        """Deliver the next part, if there is one; whether there may be more."""
        with self.lock:
            if self._watch.due:
                self._watch.look()
            if not self._delivery_due:
                return False
            more = self._deliver_next()
            if not more:
                self._delivered_at = time.monotonic()
                self._settle()
            return more

    def _deliver_next(self) -> bool:
        records, journal = self._next(self.folder.journal, self.cursor.journal)
        measured, system = self._next(self.folder.system, self.cursor.system)
        if records or measured:
            self._deliver([*records, *measured])
        moved = (journal, system) != (self.cursor.journal, self.cursor.system)
        if moved:
            self.cursor.journal, self.cursor.system = journal, system
            self.cursor.save(self.folder)
        return moved

    def _next(self, file: Path, offset: int) -> tuple[list[Record], int]:
        records: list[Record] = []
        count = 0
        for end, record in reader.read(file, offset):
            count += len(record.steps) if isinstance(record, Points) and record.stored else 0
            if count > MANY and records:
                break
            offset = end
            if not isinstance(record, Points) or record.stored:
                records.append(record)
        return records, offset

    def _deliver(self, records: list[Record]) -> None:
        points: list[Points] = []
        params: dict[str, str] = {}
        tags: dict[str, str] = {}
        datasets: list[Dataset] = []
        for record in records:
            match record:
                case Begin():
                    self._start(record)
                case Points():
                    points.append(record)
                case Params():
                    params |= record.values
                case Tags():
                    tags |= record.values
                case Dataset():
                    datasets.append(record)
                case Artifact() | Withdrawn() | Model():
                    self.cursor.queue(record)
                case End():
                    self.cursor.end = {"status": record.status, "time": record.time, "discard": record.discard}
                case Left():
                    self.cursor.left = True
        run_id = self.cursor.run_id
        if run_id is None:
            return
        self.refuse(self._requests.log(run_id, points, params, tags))
        for dataset in datasets:
            self._requests.dataset(run_id, dataset)

    def _start(self, begin: Begin) -> None:
        cursor = self.cursor
        first = cursor.begin is None
        if begin.run_id is not None:
            cursor.run_id, cursor.experiment_id = begin.run_id, begin.experiment_id
        elif cursor.run_id is None:
            cursor.run_id, cursor.experiment_id = self._requests.find_or_create_run(begin, self.folder.key)
        if begin.owned and begin.attempt > 1:
            self._requests.begin(str(cursor.run_id))
        cursor.begin = format.fields(begin)
        cursor.end, cursor.left, cursor.killed = None, False, False
        cursor.resumed = cursor.resumed or (first and begin.attempt > 1)
        self._watch.begin_again()

    def refuse(self, reasons: list[str]) -> None:
        """Note what MLflow did not take, to be listed in the run."""
        for reason in reasons:
            log.warning("run %s: MLflow refused %s", self.cursor.run_id, reason)
            if reason not in self.cursor.refused:
                self.cursor.refused.append(reason)

    def _settle(self) -> None:
        """Once all is said and the training is over: the history, the refusals, the status."""
        cursor, run_id = self.cursor, self.cursor.run_id
        if run_id is None or (cursor.end is None and not cursor.killed):
            return
        if cursor.settled < cursor.journal:
            discarded = cursor.end is not None and cursor.end["discard"]
            if discarded:
                cursor.waiting.clear()
                self._requests.delete(run_id)
            else:
                if cursor.history < cursor.journal:
                    self._make_history(run_id)
                if cursor.waiting:
                    return
                if cursor.refused:
                    refused = "\n".join(cursor.refused)[:5000]
                    self._requests.log(run_id, [], {}, {"tfmlflow.refused": refused})
                if cursor.end is not None and cursor.end["status"] is not None:
                    self._requests.end(run_id, cursor.end["status"], cursor.end["time"])
            cursor.settled = cursor.journal
            cursor.save(self.folder)
        if cursor.killed or cursor.left or (cursor.end is not None and cursor.end["status"] is not None):
            size = self.folder.journal.stat().st_size  # more than was read, if its last record is torn
            if not any(True for _ in reader.read(self.folder.journal, cursor.journal)):
                self.folder.mark_delivered(size)

    def _make_history(self, run_id: str) -> None:
        earlier: Path | None = None
        name = "history.parquet"
        if self.cursor.resumed and self._requests.has_artifact(run_id, name):
            self.folder.files.joinpath("earlier").mkdir(mode=0o700, exist_ok=True)
            earlier = Path(self._requests.download(run_id, name, str(self.folder.files / "earlier")))
        file = self.folder.files / name
        try:
            rows = history.write([self.folder.journal, self.folder.system], file, earlier)
        except OSError as error:
            self.refuse([f"{name}: {away.reason(error)}"])
            rows = 0
        if rows:
            self.cursor.queue(Artifact(str(file), ""))
        self.cursor.history = self.cursor.journal
        self.cursor.save(self.folder)

    def has(self, effect: str) -> bool:
        """Whether `effect` is among what was done for the run, also by a shipper before this one."""
        return effect in self.cursor.done

    def add(self, effect: str) -> None:
        """Note that `effect` was done."""
        with self.lock:
            self.cursor.done.append(effect)
            self.cursor.save(self.folder)

    def abandon(self, why: str) -> None:
        """Give the run up: there is nothing in the store any more to deliver it to."""
        with self.lock:
            log.warning("run %s: %s; its records stay in %s for a day", self.cursor.run_id, why, self.folder.path)
            self.refuse([why])
            self.cursor.waiting.clear()
            self.cursor.settled = self.cursor.journal = self.folder.journal.stat().st_size
            self.cursor.save(self.folder)
            self.folder.mark_delivered(self.cursor.journal)
