"""The shipper's loop over the runs of one store in one spool."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from tfmlflow.masking import masked
from tfmlflow.tracking.journal.reader import OtherVersion
from tfmlflow.tracking.journal.run_folder import RunFolder
from tfmlflow.tracking.journal.spool import Spool
from tfmlflow.tracking.shipper import launch
from tfmlflow.tracking.shipper.follower import Follower
from tfmlflow.tracking.shipper.trouble import LOST, REFUSED, UNKNOWN, UNREADABLE, Unreadable
from tfmlflow.tracking.shipper.uploads import Uploads
from tfmlflow.tracking.store.requests import THERE, Requests, StoreError
from tfmlflow.tracking.store.retry import Backoff, passing, reason, teach_sessions

log = logging.getLogger(__name__)

POLL = 0.1  # seconds
RESCAN = 0.5  # seconds between two looks for new runs
IDLE = 10.0  # seconds without anything to do after which the process leaves
GIVE_UP = 24 * 3600.0  # seconds without anything delivered after which it leaves although something is left
LOGIN_REFUSED = 10.0  # the same for a store that does not let us in: somebody with another login may
UNREADABLE_FOR = 600.0  # seconds for which it stays for runs that cannot be read
HASTE = 15.0  # seconds that it goes on for after SIGTERM, while something can be delivered


class Shipper:
    """Delivers every run of a store until there is nothing left.

    Args:
        spool: Where the runs are.
        uri: Of the store, with a login if it needs one.
        idle: Seconds to stay without anything to do.
        connect: Gives what is asked of the store, or raises while that is away.
        patience: Seconds that somebody has said an answer of a server may take.

    Attributes:
        stopped: Whether to leave at once.
    """

    def __init__(
        self,
        spool: Spool,
        uri: str,
        idle: float = IDLE,
        connect: Callable[[str], Requests] = Requests,
        patience: float = 0.0,
    ) -> None:
        teach_sessions(patience)
        self._connect = connect
        self._spool, self._uri, self._idle = spool, uri, idle
        self.backoff = Backoff()
        self.stopped = False
        self._leave_at: float | None = None
        self._requests: Requests | None = None
        self._uploads: Uploads | None = None
        self._followers: dict[str, Follower] = {}
        self._fresh: list[RunFolder] = []
        self._unreadable: dict[str, float] = {}
        self._done: dict[str, int] = {}
        self._busy_at = self._good_at = time.monotonic()
        self._scanned_at = 0.0
        self._status = launch.Status(spool, uri)
        self._root = spool.root.stat().st_ino

    def leave(self) -> None:
        """Deliver what can be delivered soon, and leave; asked once more, at once."""
        self.stopped = self._leave_at is not None
        self._leave_at = time.monotonic() + HASTE

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Work until nothing is left, stopped, or `until` says so."""
        left = ""
        while not self.stopped and not until():
            worked = self._round()
            self._note()
            now = time.monotonic()  # after the round, which may have waited for the store
            if worked or self._has_work:
                self._busy_at = now
            elif not self.left:
                self._good_at = now
            left = self._why_leave(now)
            if left:
                break
            if not worked:
                time.sleep(POLL)
        if self._uploads is not None:
            self._uploads.stop()
        self._spool.clean()
        if self.left and not self.stopped:
            self._note(left)
        else:
            self._status.remove()

    @property
    def left(self) -> int:
        """Runs of which the store has not everything yet."""
        return len(self._followers) + len(self._fresh)

    @property
    def _spool_is_gone(self) -> bool:
        """Whether its folder was deleted, perhaps to be made anew."""
        try:
            return self._spool.root.stat().st_ino != self._root
        except OSError:
            return True

    @property
    def _has_work(self) -> bool:
        """Whether there is a reason to stay: what cannot be read is looked at for some minutes only."""
        troubles = [follower.retry.trouble for follower in self._followers.values()]
        return bool(self._fresh) or any(
            trouble is None or trouble.kind != UNREADABLE or time.time() - trouble.since < UNREADABLE_FOR
            for trouble in troubles
        )

    @property
    def why(self) -> str | None:
        """Why the store does not take more just now."""
        if self.backoff.reason is not None or self._uploads is None or self._uploads.backoff.reason is None:
            return self.backoff.reason
        return f"files: {self._uploads.backoff.reason}"

    def _why_leave(self, now: float) -> str:
        """The reason to leave, empty if there is none."""
        if self._spool_is_gone:
            return "the spool is gone"
        if now - self._busy_at >= self._idle:
            return "nothing to do"
        if self._leave_at is not None and (now >= self._leave_at or not self.left):
            return "asked to leave"
        if now - self._good_at > GIVE_UP:
            return f"nothing was delivered for {GIVE_UP / 3600:.0f} hours"
        if self.backoff.login and self.backoff.lasted > LOGIN_REFUSED:
            return launch.LOGIN
        return ""

    def _round(self) -> bool:
        """Look at every run once; whether anything was done."""
        if time.monotonic() - self._scanned_at > RESCAN:
            self._scanned_at = time.monotonic()
            self._scan()
        worked = False
        for key, follower in list(self._followers.items()):
            if self.stopped or self.backoff.waiting:
                break
            if follower.gone:
                del self._followers[key]
                continue
            if follower.due:
                worked |= self._step(key, follower)
            if follower.folder.delivered and not follower.folder.wish.exists():
                del self._followers[key]
                self._done[key] = follower.cursor.journal
            self._note()
        return worked

    def _scan(self) -> None:
        self._fresh = [folder for folder in self._spool.runs(self._uri) if self._is_new(folder)]
        if not self._fresh or self.backoff.waiting:
            return
        if self._requests is None:
            try:
                self._requests = self._connect(self._uri)
            except Exception as error:
                return self._failed(error)
            self._uploads = Uploads(self._requests, lambda: list(self._followers.values()))
            self._uploads.start()
            self.backoff.succeeded()
        for folder in self._fresh:
            try:
                self._followers[folder.key] = Follower(folder, self._requests)
            except Exception as error:
                if time.monotonic() - self._unreadable.get(folder.key, -GIVE_UP) > 60:
                    log.warning("the folder %s cannot be read: %s", folder.path, reason(error))
                    self._unreadable[folder.key] = time.monotonic()
        self._fresh = [folder for folder in self._fresh if folder.key not in self._followers]

    def _is_new(self, folder: RunFolder) -> bool:
        if folder.key in self._followers or folder.dropped:
            return False
        if not folder.journal.exists() and not folder.essentials.exists():
            return False  # being made, or being deleted
        if folder.wish.exists():
            return True
        return self._done.get(folder.key) != folder.length and not folder.delivered

    def _step(self, key: str, follower: Follower) -> bool:
        before = follower.progress
        try:
            worked = follower.step()
        except Exception as error:
            self._followers[key] = self._followers.pop(key)  # the others come first now
            self._blame(follower, error)
            return False
        if follower.progress != before:  # else nothing was asked of the store
            self.backoff.succeeded()
            self._good_at = time.monotonic()
            follower.retry.succeeded()
        return worked

    def _blame(self, follower: Follower, error: Exception) -> None:
        """Find out what a failure is due to: the store, or this one run."""
        run_id = follower.cursor.run_id
        if not isinstance(error, StoreError):
            unreadable = isinstance(error, Unreadable | OtherVersion | OSError)
            why = str(error) if isinstance(error, Unreadable) else reason(error)
            if not unreadable:
                log.exception("run %s: cannot be delivered", run_id, exc_info=error)
            return self._set_aside(follower, UNREADABLE if unreadable else REFUSED, why)
        if passing(error.cause):
            follower.retry.away(error.cause)
            return self._failed(error.cause)
        try:
            where = THERE if run_id is None or self._requests is None else self._requests.whereabouts(run_id)
        except StoreError as further:
            return self._failed(further.cause)
        if where != THERE:
            return self._set_aside(follower, UNKNOWN, LOST[where])
        log.warning("run %s: the store refuses it", run_id, exc_info=error)
        self._set_aside(follower, REFUSED, f"the store refuses it: {reason(error.cause)}")

    def _set_aside(self, follower: Follower, kind: str, why: str) -> None:
        if follower.retry.trouble is None or follower.retry.trouble.why != why:
            log.warning("run %s: %s; kept in %s", follower.cursor.run_id, why, follower.folder.path)
        follower.retry.failed(kind, why)

    def _failed(self, error: Exception) -> None:
        if self.backoff.reason is None:
            log.warning("the store %s does not take records: %s", masked("uri", self._uri), reason(error))
        self.backoff.failed(error)
        if self._requests is not None:
            self._requests.reconnect()

    def _note(self, left: str = "") -> None:
        if not self._spool_is_gone:
            self._status.write(self.why, left)
