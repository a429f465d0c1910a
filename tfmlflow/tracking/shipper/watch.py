"""Watches a run's trainer: a heartbeat while it lives, a measurement now and then, the truth when it was killed."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from datetime import UTC, datetime

import psutil

from tfmlflow.tracking.journal import format, reader
from tfmlflow.tracking.journal.liveness import Process
from tfmlflow.tracking.journal.records import Begin, End, Left
from tfmlflow.tracking.journal.run_folder import RunFolder
from tfmlflow.tracking.shipper.cursor import Cursor
from tfmlflow.tracking.shipper.sampling import Sampler
from tfmlflow.tracking.store.requests import Requests
from tfmlflow.vocabulary import EndReason, Tag

log = logging.getLogger(__name__)

INTERVAL = 1.0  # seconds between two looks
HEARTBEAT = 30.0  # seconds between two signs in the store
SILENCE = 120.0  # seconds without a sign of life after which a trainer on another machine is taken for dead


class Watch:
    """Looks after the trainer of one run.

    Args:
        folder: Of the run.
        cursor: What is known of the run.
        requests: To the store.

    Attributes:
        alive: Whether the trainer lived when last looked at, and was not done.
        beats: How often the store was told so.
    """

    def __init__(self, folder: RunFolder, cursor: Cursor, requests: Requests) -> None:
        self._folder, self._cursor, self._requests = folder, cursor, requests
        self._sampler: Sampler | None = None
        self._looked_at = self._beat_at = 0.0
        self._signs = (0.0, time.monotonic())
        self.alive, self.beats = True, 0

    @property
    def due(self) -> bool:
        """Whether it is time for the next look."""
        return time.monotonic() - self._looked_at > INTERVAL

    def begin_again(self) -> None:
        """There is a trainer, perhaps another one than before."""
        self.alive, self._sampler = True, None

    def look(self) -> None:
        """Look at the trainer, and say in the store what is to be said of it."""
        begin = format.restored("Begin", self._cursor.begin) if self._cursor.begin is not None else None
        cursor = self._cursor
        if not isinstance(begin, Begin) or cursor.run_id is None:
            return
        self._looked_at = time.monotonic()
        if cursor.end is not None and (cursor.end["status"] is not None or cursor.left):
            self.alive = False
            return
        self.alive = self._lives(begin.process)
        if self.alive:
            self._measure(begin)
            if begin.worker is None and time.monotonic() - self._beat_at > HEARTBEAT:
                now = datetime.now(UTC).isoformat(timespec="seconds")
                self._requests.log(cursor.run_id, [], {}, {Tag.HEARTBEAT: now})
                self._beat_at, self.beats = time.monotonic(), self.beats + 1
        elif not cursor.killed and not cursor.left and not self._says_more():
            self._end_killed(begin, cursor.run_id)

    def _lives(self, process: Process) -> bool:
        if process.here:
            return process.alive
        with contextlib.suppress(OSError):
            changed = self._folder.journal.stat().st_mtime
            if changed != self._signs[0]:
                self._signs = (changed, time.monotonic())
        return time.monotonic() - self._signs[1] < SILENCE

    def _says_more(self) -> bool:
        """Whether the part of the journal that is not delivered yet has the end, or a further beginning."""
        rest = reader.read(self._folder.journal, self._cursor.place, self._folder.essentials, over=True)
        return any(isinstance(record, End | Left | Begin) for _, record in rest)

    def _end_killed(self, begin: Begin, run_id: str) -> None:
        cursor = self._cursor
        if begin.worker is not None:
            said = f"{begin.worker}, process {begin.process.pid} on {begin.process.machine.split()[0]}, was gone"
            known = self._requests.tag(run_id, Tag.WORKER_DIED)  # by a chief that has noticed it, with the step
            if not known.startswith(begin.worker.replace("-", " ")):
                self._requests.log(run_id, [], {}, {Tag.WORKER_DIED: said})
        elif (begin.owned and cursor.end is None) or self._requests.is_running(run_id):
            died = self._died()
            said = f"process {begin.process.pid} on {begin.process.machine.split()[0]} was gone without a word"
            self._requests.log(run_id, [], {}, {Tag.END_REASON: EndReason.KILLED, Tag.ERROR: said})
            cursor.end = {"status": "FAILED", "time": died, "discard": False}
            cursor.settled = 0  # the status is told once all else is
            log.info("run %s: %s; it ends as FAILED", run_id, said)
        cursor.killed = True
        cursor.save(self._folder)

    def _died(self) -> int:
        """When the trainer has given its last sign of life, milliseconds since 1970."""
        for file in (self._folder.journal, self._folder.essentials):
            with contextlib.suppress(OSError):
                return int(file.stat().st_mtime * 1000)
        return int(time.time() * 1000)

    def _measure(self, begin: Begin) -> None:
        if not begin.sampled or self._cursor.end is not None or not begin.process.here:
            return
        if self._sampler is None:
            with contextlib.suppress(psutil.Error):
                self._sampler = Sampler(begin.process, self._cursor.samples, begin.worker)
        if self._sampler is not None and self._sampler.due:
            content = b"".join(format.encode(points) for points in self._sampler.sample())
            with contextlib.suppress(OSError):
                descriptor = os.open(self._folder.system, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                with os.fdopen(descriptor, "ab") as stream:
                    stream.write((b"" if stream.tell() else format.HEADER) + content)
            self._cursor.samples = self._sampler.taken
