"""Writes a journal from a thread of its own: what the training thread pays is an `append`."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from tfmlflow.tracking.journal import format, reader
from tfmlflow.tracking.records import Points, Record, Tags

log = logging.getLogger(__name__)

INTERVAL = 0.5  # seconds between two writes to the disk
BEAT = 5.0  # seconds between two signs of life: the time of the file's last change
RESERVE = 256 * 1024  # bytes kept free for the end of the run on a disk that is full
PATIENCE = 64 * 1024 * 1024  # bytes kept in memory for a disk that is full


class Journal:
    """One run's journal, open for writing; goes on after the last whole record of an earlier writer.

    Args:
        file: The journal. Beside it lies a reserve of disk space, given up when the disk is full.
        on_beat: Called every few seconds, from the writing thread.
    """

    def __init__(self, file: Path, on_beat: Callable[[], None] = lambda: None) -> None:
        self._file, self.on_beat = file, on_beat
        self._beat = time.monotonic()
        self._reserve = file.with_name("reserve")
        self._records: deque[Record] = deque()  # taken from at one end while others put at the other
        self._unwritten: list[tuple[Record, bytes]] = []
        self._lost = 0
        self._full: str | None = None
        self._descriptor: int | None = None
        self._length = 0
        self._wake, self._closed = threading.Event(), threading.Event()
        self._writing = threading.Lock()
        with contextlib.suppress(OSError):
            self._open()
        self._thread = threading.Thread(target=self._write_all, name="tfmlflow-journal", daemon=True)
        self._thread.start()

    @property
    def length(self) -> int:
        """Bytes on the disk."""
        return self._length

    def put(self, record: Record) -> None:
        """Take a record; costs microseconds and never fails."""
        self._records.append(record)

    def soon(self) -> None:
        """Write what is there without waiting for the next interval; does not wait itself."""
        self._wake.set()

    def flush(self) -> bool:
        """Write what is there, now; whether everything is on the disk."""
        with self._writing:
            return self._write()

    def close(self) -> bool:
        """Write what is there and close; what does not fit on a full disk is counted and given up."""
        self._closed.set()
        self._wake.set()
        self._thread.join()
        with self._writing:
            whole = self._write() or self._write_essentials()
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
            self._reserve.unlink(missing_ok=True)
        return whole

    def _open(self) -> None:
        try:
            self._length = reader.sound_length(self._file)
        except ValueError as error:
            log.warning("%s; it is left aside", error)
            self._file.rename(self._file.with_name("journal-of-another-version"))
            self._length = 0
        self._descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600)
        os.ftruncate(self._descriptor, self._length)
        os.lseek(self._descriptor, self._length, os.SEEK_SET)
        if self._length == 0:
            self._append(format.HEADER)
        if not self._reserve.exists():
            with os.fdopen(os.open(self._reserve, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as stream:
                stream.write(os.urandom(RESERVE))  # zeros may be stored as nothing

    def _write_all(self) -> None:
        while not self._closed.is_set():
            self._wake.wait(INTERVAL)
            self._wake.clear()
            with self._writing:
                self._write()
            if time.monotonic() - self._beat > BEAT:
                self._beat = time.monotonic()
                with contextlib.suppress(OSError):
                    os.utime(self._file)
                self.on_beat()

    def _write(self) -> bool:
        for _ in range(len(self._records)):
            record = self._records.popleft()
            try:
                self._unwritten.append((record, format.encode(record)))
            except Exception as error:  # one that cannot be written costs itself only
                log.warning("a record cannot be written to the journal: %s: %s", type(error).__name__, error)
        if not self._unwritten:
            return True
        try:
            if self._descriptor is None:
                self._open()
            self._append(b"".join(content for _, content in self._unwritten))
        except OSError as error:
            self.trouble(error, f"the journal {self._file}")
            self._forget_points()
            return False
        self._unwritten = []
        if self._full is not None and not self._closed.is_set():
            self._full = None
            log.warning("the disk of %s takes records again", self._file)
        return True

    def _append(self, content: bytes) -> None:
        """Write all of it or nothing."""
        assert self._descriptor is not None
        place = 0
        try:
            while place < len(content):
                place += os.write(self._descriptor, content[place:])
            os.fsync(self._descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._length)
                os.lseek(self._descriptor, self._length, os.SEEK_SET)
            raise
        self._length += place

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
        size = sum(len(content) for _, content in self._unwritten)
        if size > PATIENCE:
            points = [entry for entry in self._unwritten if isinstance(entry[0], Points)]
            self._lost += sum(len(record.steps) for record, _ in points if isinstance(record, Points))
            self._unwritten = [entry for entry in self._unwritten if not isinstance(entry[0], Points)]

    def _write_essentials(self) -> bool:
        """Into the reserve: everything but points, and how many of these are missing."""
        self._reserve.unlink(missing_ok=True)
        if self._write():
            return self._lost == 0
        rest = [entry for entry in self._unwritten if not isinstance(entry[0], Points)]
        self._lost += sum(len(record.steps) for record, _ in self._unwritten if isinstance(record, Points))
        said = f"{self._full or 'the disk is full'}: {self._lost:,} points are missing"
        incomplete = Tags({"tfmlflow.incomplete": said})
        self._unwritten = [(incomplete, format.encode(incomplete)), *rest]
        log.warning("the journal %s is incomplete: %s", self._file, said)
        deadline = time.monotonic() + 1.0
        while not self._write():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return False
