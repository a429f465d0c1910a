"""Follows one run: delivers what its journal says, and ends it as it said."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

from tfmlflow import whole_file
from tfmlflow.tracking.journal import format, reader
from tfmlflow.tracking.journal.format import Position
from tfmlflow.tracking.journal.records import Batch, Begin, End, Left, Points, Record
from tfmlflow.tracking.journal.run_folder import RunFolder
from tfmlflow.tracking.shipper import parent
from tfmlflow.tracking.shipper.cursor import CHECKPOINTS, Cursor
from tfmlflow.tracking.shipper.ending import Ending
from tfmlflow.tracking.shipper.trouble import Retry, Unreadable
from tfmlflow.tracking.shipper.watch import Watch
from tfmlflow.tracking.store.requests import DELIVERING, Requests
from tfmlflow.vocabulary import Tag

log = logging.getLogger(__name__)

INTERVAL = 2.0  # seconds between two deliveries while the training goes on
QUIET = 5.0  # seconds without growth after which a journal that lacks what its copy has is damaged at its end
MANY = 1000  # points in one delivery: with a few tags they fit into one or two requests
GONE = "the end of its journal, which is gone from this machine"
ANEW = "anew"  # a person's wish: deliver it as a new run


class Follower:
    """One run on its way into the store.

    Args:
        folder: Of the run.
        requests: To the store.

    Attributes:
        cursor: How far it has come.
        lock: Held by whoever uses the cursor.
        retry: When it is tried again after a failure.
        read: A length that the journal had when there was nothing more to deliver of it.
    """

    def __init__(self, folder: RunFolder, requests: Requests) -> None:
        self.folder, self._requests = folder, requests
        self.cursor = Cursor.of(folder)
        self.lock = threading.RLock()
        self.retry = Retry(folder)
        self._watch = Watch(folder, self.cursor, requests)
        self._ending = Ending(folder, self.cursor, requests)
        self._delivered_at = 0.0
        self.read = -1
        self._looked: object = None
        self._grew = (0, time.monotonic())  # the journal's length, and since when

    @property
    def gone(self) -> bool:
        """Whether the run is no longer in the spool: delivered and removed, or dropped by a person."""
        return self.folder.dropped or not self.folder.path.is_dir()

    @property
    def due(self) -> bool:
        """Whether it is time to look at the run again."""
        return not self.retry.waiting and (self._watch.due or self._delivery_due)

    @property
    def _delivery_due(self) -> bool:
        hurry = self.folder.closing.exists() or not self._watch.alive or self.cursor.begin is None
        return hurry or time.monotonic() - self._delivered_at > INTERVAL

    @property
    def progress(self) -> tuple[int, ...]:
        """Changes with every part that the store has taken."""
        return self.cursor.journal, self.cursor.others, self.cursor.system, self.cursor.settled, self._watch.beats

    @property
    def trainer_lives(self) -> bool:
        """Whether somebody may still write to the journal."""
        return self._watch.alive

    def step(self) -> bool:
        """Deliver the next part, if there is one; whether there may be more.

        Raises:
            StoreError: The store did not take something.
            OSError, Unreadable: A file of the folder cannot be read.
        """
        with self.lock:
            self._heed_wish()
            if self._watch.due:
                self._watch.look()
            if not self._delivery_due:
                return False
            more = self._deliver_next()
            if not more:
                self._delivered_at = time.monotonic()
                parent.belong(self.folder, self.cursor, self._requests)
                self._ending.settle()
            return more

    def _heed_wish(self) -> None:
        if not self.folder.wish.is_file():
            return
        if whole_file.read(self.folder.wish).get("wish") == ANEW:
            before = self.cursor.run_id
            self.cursor.__dict__.update(Cursor(anew=True, again=True).__dict__)  # the watch has it too
            self.read, self._looked = -1, None
            (self.folder.path / "delivered").unlink(missing_ok=True)
            self.save()
            log.info("run %s: delivered as a new run, as somebody has asked for", before)
        self.folder.wish.unlink(missing_ok=True)

    def save(self) -> None:
        """Write the cursor."""
        self.cursor.save(self.folder)

    def _deliver_next(self) -> bool:
        cursor = self.cursor
        length = self.folder.length
        if length != self._grew[0]:
            self._grew = (length, time.monotonic())
        if length < cursor.journal:  # it was lost in part: what comes after is found by its counts
            cursor.journal = 0
            cursor.missing[GONE] = 1  # until it is found in the copy
        there = (length, self.folder.written, self._over, cursor.place, cursor.system)
        if there == self._looked:  # files may wait for a store for hours: the journal is not read again for them
            return False
        records, place = self._next(self.folder.journal, cursor.place, self.folder.essentials)
        measured, system = self._next(self.folder.system, Position(cursor.system))
        if records or measured:
            self._deliver([*records, *measured])
        moved = (place, system.offset) != (cursor.place, cursor.system)
        if moved:
            cursor.place, cursor.system = place, system.offset
            self.save()
        else:
            self.read, self._looked = length, there
        return moved

    @property
    def _over(self) -> bool:
        """Whether nobody writes any more, as far as one can tell."""
        return not self._watch.alive or time.monotonic() - self._grew[1] > QUIET

    def _next(self, file: Path, place: Position, copy: Path | None = None) -> tuple[list[Record], Position]:
        records: list[Record] = []
        count = 0
        for end, record in reader.read(file, place, copy, self._over):
            count += len(record.steps) if isinstance(record, Points) and record.stored else 0
            if count > MANY and records:
                break
            place = end
            if not isinstance(record, Points) or record.stored:
                records.append(record)
        return records, place

    def _deliver(self, records: list[Record]) -> None:
        batch = Batch(records)
        for turn in batch.turns:
            match turn:
                case Begin():
                    self._start(turn)
                case End():
                    self.cursor.missing.pop(GONE, None)
                    self.cursor.end = {"status": turn.status, "time": turn.time, "discard": turn.discard}
                case Left():
                    self.cursor.left = True
        run_id = self.cursor.run_id
        if run_id is None:
            raise Unreadable("its beginning is damaged, so that it cannot be told which run it is")
        refused = self._requests.log(run_id, batch.points, batch.params, batch.tags)
        for dataset in batch.datasets:
            self._requests.dataset(run_id, dataset)
        for file in batch.files:  # not before the store has shown that it knows the run
            self.cursor.queue(file, self.folder.files)
        for record in batch.missing:  # what the store has taken twice is one, what is counted twice is not
            self.cursor.miss(record.what, record.count)
        self.refuse(refused)

    def _start(self, begin: Begin) -> None:
        cursor = self.cursor
        first = cursor.begin is None
        of = parent.run_id(self.folder, begin.parent) if begin.parent is not None else None
        if begin.run_id is not None and not cursor.anew:
            cursor.run_id, cursor.experiment_id = begin.run_id, begin.experiment_id
        elif cursor.run_id is None:
            found = self._requests.find_or_create_run(begin, self.folder.key, of)
            cursor.run_id, cursor.experiment_id = found
        if begin.parent is not None:
            cursor.parent = begin.parent
        # Whoever ends it may do so before we have delivered.
        if not begin.owned and not cursor.told and begin.worker is None:
            cursor.told = DELIVERING
            self._requests.log(str(cursor.run_id), [], {}, {Tag.INCOMPLETE: cursor.told})
        if begin.owned and begin.attempt > 1:
            self._requests.begin(str(cursor.run_id))
        cursor.begin = format.fields(begin)
        cursor.end, cursor.left, cursor.killed = None, False, False
        cursor.resumed = cursor.resumed or (first and begin.attempt > 1)
        self._watch.begin_again()

    def sending(self, entry: dict[str, Any]) -> bool:
        """Note, before the store has any of it, that a checkpoint may be there from now on; False: it is not wanted."""
        with self.lock:
            if entry["folder"] != CHECKPOINTS:
                return True
            if entry not in self.cursor.waiting:  # withdrawn since it was taken off the list
                return False
            if entry["path"] not in self.cursor.stored:
                self.cursor.stored.append(entry["path"])
                self.save()
            return True

    def withdrawn(self, entry: dict[str, Any]) -> None:
        """Note that a checkpoint is in the store no more."""
        with self.lock:
            self.cursor.stored[:] = [path for path in self.cursor.stored if path != entry["path"]]

    def refuse(self, reasons: list[str]) -> None:
        """Note what MLflow did not take, to be listed in the run."""
        for reason in reasons:
            log.warning("run %s: MLflow refused %s", self.cursor.run_id, reason)
            self.miss(f"refused: {reason}")

    def miss(self, what: str) -> None:
        """Note that something is not in the run, and will not be."""
        if what not in self.cursor.missing:
            self.cursor.miss(what)

    def has(self, effect: str) -> bool:
        """Whether `effect` is among what was done for the run, also by a shipper before this one."""
        return effect in self.cursor.done

    def add(self, effect: str) -> None:
        """Note that `effect` was done."""
        with self.lock:
            self.cursor.done.append(effect)
            self.save()
