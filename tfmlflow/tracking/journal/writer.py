"""Writes a journal from a thread of its own: what the training thread pays is an `append`."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path

from tfmlflow.tracking.journal import format
from tfmlflow.tracking.journal.appended import Appended
from tfmlflow.tracking.journal.records import Missing, Points, Record

log = logging.getLogger(__name__)

INTERVAL = 0.5  # seconds between two writes to the disk
BEAT = 5.0  # seconds between two signs of life: the time of the file's last change
RESERVE = 256 * 1024  # bytes kept free for the end of the run on a disk that is full
PATIENCE = 64 * 1024 * 1024  # bytes kept in memory for a disk that is full
COPY = "essentials"  # beside the journal: the records other than points, once more

_open: weakref.WeakSet[Journal] = weakref.WeakSet()


class Journal:
    """One run's journal, open for writing; goes on after the last whole record of an earlier writer.

    Records other than points are written to a second file too: a run can do without some of its points, but not without
    its beginning, its params or its end.

    Args:
        file: The journal. Beside it lies a reserve of disk space, given up when the disk is full.
        on_beat: Called every few seconds, from the writing thread.
        on_lost: Makes the folder again, should somebody have deleted it.
    """

    def __init__(
        self, file: Path, on_beat: Callable[[], None] | None = None, on_lost: Callable[[], None] | None = None
    ) -> None:
        self._file, self.on_beat, self._on_lost = file, on_beat, on_lost
        self._journal, self._copy = Appended(file), Appended(file.with_name(COPY))
        self._beat = time.monotonic()
        self._reserve = file.with_name("reserve")
        self._records: deque[Record] = deque()  # taken from at one end while others put at the other
        self._unwritten: list[Record] = []
        self._others = self._points = 0
        self._lost, self._incomplete = 0, False
        self._full: str | None = None
        self._said = ""
        self.foreign = False
        self._wake, self._closed = threading.Event(), threading.Event()
        self._writing = threading.Lock()
        with contextlib.suppress(OSError):
            self._open()
        self._thread = threading.Thread(target=self._write_all, name="tfmlflow-journal", daemon=True)
        self._thread.start()
        _open.add(self)

    @property
    def length(self) -> int:
        """Bytes on the disk."""
        return self._journal.length

    def put(self, record: Record) -> None:
        """Take a record; costs microseconds and never fails."""
        self._records.append(record)

    def soon(self) -> None:
        """Write what is there without waiting for the next interval; does not wait itself."""
        self._wake.set()

    def flush(self) -> bool:
        """Write what is there, now; whether everything is on the disk."""
        if self.foreign:
            return True
        with self._writing:
            return self._write()

    def close(self) -> bool:
        """Write what is there and close; what does not fit on a full disk is counted and given up."""
        if self.foreign:
            return True
        self._closed.set()
        self._wake.set()
        self._thread.join()
        with self._writing:
            whole = (self._write() or self._write_essentials()) and not self._incomplete
            self._journal.close()
            self._copy.close()
            self._reserve.unlink(missing_ok=True)
        _open.discard(self)
        return whole

    def disown(self) -> None:
        """This process was forked from the one that writes, and says nothing of its run."""
        self.foreign = True
        self._records = deque(maxlen=0)
        self._writing = threading.Lock()
        self._closed.set()

    def _open(self) -> None:
        journal, copy = self._journal.open(), self._copy.open()
        self._others = max(journal.others, copy.others)
        self._points = max(journal.points, copy.points)
        if not self._reserve.exists():
            with os.fdopen(os.open(self._reserve, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as stream:
                stream.write(os.urandom(RESERVE))  # zeros may be stored as nothing

    def _write_all(self) -> None:
        while not self._closed.is_set():
            self._wake.wait(INTERVAL)
            self._wake.clear()
            try:
                with self._writing:
                    self._write()
                if time.monotonic() - self._beat > BEAT:
                    self._beat = time.monotonic()
                    with contextlib.suppress(OSError):
                        os.utime(self._file)
                    if self.on_beat is not None:
                        self.on_beat()
            except Exception as error:  # whatever it is, what comes next is written
                self._say(f"the journal {self._file}: {type(error).__name__}: {error}")

    def _say(self, said: str) -> None:
        if said != self._said:
            self._said = said
            log.warning("%s", said)

    def _write(self) -> bool:
        for _ in range(len(self._records)):
            self._unwritten.append(self._records.popleft())
        try:
            self._see_to_files()
            if not self._unwritten and not self._lost:
                return True
            if not self._journal.is_open:
                self._open()
            self._append()
        except OSError as error:
            self.trouble(error, f"the journal {self._file}")
            self._forget_points()
            return False
        if self._full is not None and not self._closed.is_set():
            self._full = None
            log.warning("the disk of %s takes records again", self._file)
        return True

    def _append(self) -> None:
        """Write all that waits, or nothing of it."""
        others, points = self._others, self._points
        content, copied = [], []
        forgotten = [Missing(f"points, since {self._full or 'the disk was full'}", self._lost)] if self._lost else []
        for record in (*forgotten, *self._unwritten):
            try:
                encoded = format.encode(record, others, points)
            except Exception as error:  # one that cannot be written costs itself only
                self._say(f"a record cannot be written to the journal: {type(error).__name__}: {error}")
                record = Missing(f"a record of the type {type(record).__name__} that cannot be written", 1)
                encoded = format.encode(record, others, points)
            content.append(encoded)
            copied += [] if isinstance(record, Points) else [encoded]
            more = format.counted(record)
            others, points = others + more[0], points + more[1]
        self._journal.append(b"".join(content))
        self._unwritten, self._others, self._points, self._lost = [], others, points, 0
        if copied:
            with contextlib.suppress(OSError):  # a copy, which nobody needs as long as the journal is sound
                self._copy.append(b"".join(copied))

    def _see_to_files(self) -> None:
        """Make files anew that somebody has deleted: their content is still there as long as they are open."""
        if not (self._journal.deleted or self._copy.deleted):
            return
        if self._on_lost is not None:
            self._on_lost()
        self._say(f"the journal {self._file} was deleted; it is written again")
        self._journal.restore()
        self._copy.restore()

    def trouble(self, error: OSError, what: str) -> None:
        """`what` could not be written; said once, as long as it lasts."""
        if self._full is None:
            self._full = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error)
            log.warning(
                "%s cannot be written: %s. The training goes on; make room, or what it says from now on is lost",
                *(what, self._full),
            )

    def _forget_points(self) -> None:
        """Before they fill the memory."""
        points = [record for record in self._unwritten if isinstance(record, Points)]
        if sum(24 * len(record.steps) for record in points) > PATIENCE:
            self._give_up_points()

    def _give_up_points(self) -> None:
        self._incomplete = True
        self._lost += sum(len(record.steps) for record in self._unwritten if isinstance(record, Points))
        self._unwritten = [record for record in self._unwritten if not isinstance(record, Points)]

    def _write_essentials(self) -> bool:
        """Into the reserve: everything but points, and how many of these are missing."""
        self._reserve.unlink(missing_ok=True)
        if self._write():
            return True
        self._give_up_points()
        log.warning("the journal %s is incomplete: %s points are missing", self._file, f"{self._lost:,}")
        deadline = time.monotonic() + 1.0
        while not self._write():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True


def _disown_all() -> None:
    for journal in list(_open):
        journal.disown()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown_all)
