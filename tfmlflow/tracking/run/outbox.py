"""The trainer's end of the way to the store: a journal in the spool, and a shipper that is kept at work."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

from filelock import FileLock, Timeout

from tfmlflow import whole_file
from tfmlflow.tracking.journal.records import Record
from tfmlflow.tracking.journal.run_folder import RunFolder
from tfmlflow.tracking.journal.spool import Spool
from tfmlflow.tracking.journal.writer import Journal
from tfmlflow.tracking.shipper import launch
from tfmlflow.tracking.shipper.trouble import Trouble

log = logging.getLogger(__name__)


class Outbox:
    """Takes the records of one run.

    Args:
        key: The run's id, or a local one while it has none.
        uri: Of the store, with a login if it needs one; the login goes to the shipper and nowhere else.
    """

    def __init__(self, key: str, uri: str) -> None:
        self._spool, self._uri = Spool.here(), uri
        try:
            self.folder, self._lock = self._own_folder(key)
        except OSError as error:  # no room left
            self._spool = self._spool.instead(error)
            self.folder, self._lock = self._own_folder(key)
        self._key = self.folder.key
        self._journal = Journal(self.folder.journal, on_beat=self._keep_shipped, on_lost=self._make_folder)

    @property
    def files(self) -> Path:
        """A folder for files on their way."""
        return self.folder.files

    @property
    def run_id(self) -> str | None:
        """The MLflow run that the shipper has created, once it has."""
        run_id = whole_file.read(self.folder.cursor).get("run_id")
        return run_id if isinstance(run_id, str) else None

    @property
    def foreign(self) -> bool:
        """Whether this process was forked from the one that writes, and has nothing to say."""
        return self._journal.foreign

    @property
    def why(self) -> str | None:
        """What keeps the shipper from delivering just now."""
        trouble = Trouble.of(self.folder)
        return trouble.why if trouble is not None else launch.state(self._spool, self._uri).why

    def put(self, record: Record) -> None:
        """Take a record: costs microseconds and never fails."""
        self._journal.put(record)

    def soon(self) -> None:
        """Let the disk have what is there now, without waiting for it."""
        self._journal.soon()

    def flush(self) -> bool:
        """Let the disk have what is there, and wait for it; whether it has everything."""
        return self._journal.flush()

    def disk_trouble(self, error: OSError, what: str) -> None:
        """`what` could not be written."""
        self._journal.trouble(error, what)

    def start(self) -> None:
        """Write what is there, and see that a shipper is at work."""
        self._journal.flush()
        launch.ensure(self._spool, self._uri)

    def deliver(self, timeout: float) -> bool:
        """Wait until the store has everything, at most `timeout` seconds; whether it has."""
        if self.foreign:
            return True
        whole = self._journal.flush()
        with contextlib.suppress(OSError):
            self.folder.closing.touch(mode=0o600)
        try:
            self._keep_shipped()
            done = launch.wait(self.folder, self._journal.length, timeout, self._keep_shipped)
            if not done:
                launch.ensure(self._spool, self._uri)  # somebody must be there when we are gone
            return done and whole
        finally:
            with contextlib.suppress(OSError):
                self.folder.closing.unlink(missing_ok=True)

    def close(self, timeout: float | None = None) -> bool:
        """Take no more; `deliver` what is there, if a timeout is given."""
        if self.foreign:
            return True
        self._journal.close()
        done = self.deliver(timeout) if timeout is not None else True
        self._lock.release()
        return done

    def _keep_shipped(self) -> None:
        launch.ensure(self._spool, self._uri, now=False)

    def _make_folder(self) -> None:
        self._spool.open(self._key, self._uri, lost=True)

    def _own_folder(self, key: str) -> tuple[RunFolder, FileLock]:
        """The run's folder, or a second one if another process is writing to the same run."""
        for number in range(1, 1000):
            folder = self._spool.open(key if number == 1 else f"{key}-{number}", self._uri)
            lock = FileLock(folder.path / "lock", timeout=0, mode=0o600)
            with contextlib.suppress(Timeout):
                lock.acquire()
                return folder, lock
        raise RuntimeError(f"the spool {self._spool.root} has too many writers for the run {key}")
