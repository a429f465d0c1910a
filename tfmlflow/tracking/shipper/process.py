"""The shipper's loop over the runs of one store in one spool."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections.abc import Callable

from tfmlflow import whole_file
from tfmlflow.tracking.journal.spool import RunFolder, Spool
from tfmlflow.tracking.secrets import masked
from tfmlflow.tracking.shipper import launch
from tfmlflow.tracking.shipper.away import Backoff, passing, reason
from tfmlflow.tracking.shipper.follower import Follower
from tfmlflow.tracking.shipper.requests import Requests
from tfmlflow.tracking.shipper.uploads import Uploads
from tfmlflow.tracking.shipper.wire import refuse_cut_answers

log = logging.getLogger(__name__)

POLL = 0.1  # seconds
RESCAN = 0.5  # seconds between two looks for new runs
IDLE = 10.0  # seconds without anything to do after which the process leaves
GIVE_UP = 24 * 3600.0  # seconds without an answer from the store after which it leaves


class Shipper:
    """Delivers every run of a store until there is nothing left.

    Args:
        spool: Where the runs are.
        uri: Of the store, with a login if it needs one.
        idle: Seconds to stay without anything to do.
    """

    def __init__(self, spool: Spool, uri: str, idle: float = IDLE) -> None:
        refuse_cut_answers()
        self._spool, self._uri, self._idle = spool, uri, idle
        self.backoff = Backoff()
        self.stopped = False
        self._requests: Requests | None = None
        self._uploads: Uploads | None = None
        self._followers: dict[str, Follower] = {}
        self._done: dict[str, int] = {}
        self._busy_at = self._scanned_at = 0.0
        self._noted = ""

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Work until idle, stopped, or `until` says so."""
        self._busy_at = time.monotonic()
        while not self.stopped and not until():
            worked = self._round()
            self._note()
            if self._followers or worked:
                self._busy_at = time.monotonic()
            if time.monotonic() - self._busy_at >= self._idle:
                break
            if self.backoff.reason is not None and time.time() - self.backoff.since > GIVE_UP:
                break
            if not worked:
                time.sleep(POLL)
        if self._uploads is not None:
            self._uploads.stop()
        self._spool.clean()
        launch.status_file(self._spool, self._uri).unlink(missing_ok=True)

    @property
    def left(self) -> list[Follower]:
        """Runs of which the store has not everything yet."""
        return list(self._followers.values())

    @property
    def why(self) -> str | None:
        """Why the store does not take more just now."""
        return self.backoff.reason or (self._uploads.backoff.reason if self._uploads is not None else None)

    def _round(self) -> bool:
        """Look at every run once; whether anything was done."""
        if time.monotonic() - self._scanned_at > RESCAN:
            self._scanned_at = time.monotonic()
            self._scan()
        worked = False
        for key, follower in list(self._followers.items()):
            if self.stopped or self.backoff.waiting:
                break
            if follower.due:
                worked |= self._step(follower)
            if follower.folder.delivered:
                del self._followers[key]
                self._done[key] = follower.cursor.journal
        return worked

    def _scan(self) -> None:
        fresh = [folder for folder in self._spool.runs(self._uri) if self._is_new(folder)]
        if fresh:
            self._busy_at = time.monotonic()
        if not fresh or self.backoff.waiting:
            return
        if self._requests is None:
            try:
                self._requests = Requests(self._uri)
            except Exception as error:
                return self._failed(error)
            self._uploads = Uploads(self._requests, lambda: list(self._followers.values()))
            self._uploads.start()
            self.backoff.succeeded()
        for folder in fresh:
            self._followers[folder.key] = Follower(folder, self._requests)

    def _is_new(self, folder: RunFolder) -> bool:
        if folder.key in self._followers:
            return False
        try:
            size = folder.journal.stat().st_size
        except OSError:
            return False  # being made, or being deleted
        return self._done.get(folder.key) != size and not folder.delivered

    def _step(self, follower: Follower) -> bool:
        before = follower.progress
        try:
            worked = follower.step()
            if follower.progress != before:  # else nothing was asked of the store
                self.backoff.succeeded()
            return worked
        except Exception as error:
            if passing(error):
                self._failed(error)
                return False
            return self._wrong(follower, error)

    def _wrong(self, follower: Follower, error: Exception) -> bool:
        run_id = follower.cursor.run_id
        try:
            gone = run_id is not None and self._requests is not None and self._requests.is_gone(run_id)
        except Exception as further:
            self._failed(further)
            return False
        if gone:
            why = "the run was deleted from the store"
        else:
            log.exception("run %s: cannot be delivered", run_id)
            why = f"cannot be delivered: {reason(error)}"
        try:
            follower.abandon(why)
        except OSError as further:  # a full disk: again after a while
            self._failed(further)
            return False
        return True

    def _failed(self, error: Exception) -> None:
        if self.backoff.reason is None:
            log.warning("the store %s does not take records: %s", masked("uri", self._uri), reason(error))
        self.backoff.failed(error)

    def _note(self) -> None:
        """Leave word of what is going on, for `tfmlflow sync` and `tfmlflow runs`."""
        said = json.dumps({"pid": os.getpid(), "uri": masked("uri", self._uri), "away": self.why})
        if said != self._noted:
            with contextlib.suppress(OSError):  # a full disk: said at the next round
                whole_file.write(launch.status_file(self._spool, self._uri), said)
                self._noted = said
