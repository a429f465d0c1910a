"""A shipper in a thread of this process, for tests of what is recorded: no process to start and to wait for.

    with inline.shippers():
        model.fit(..., callbacks=[tfmlflow.TrackingCallback()])

It does what the process does, by the same code; but it dies with this process, so nothing outlives a training.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from filelock import Timeout

from tfmlflow.tracking.journal.spool import Spool
from tfmlflow.tracking.shipper import launch
from tfmlflow.tracking.shipper.process import Shipper

IDLE = 60.0  # seconds without anything to do after which it ends


@contextlib.contextmanager
def shippers() -> Iterator[None]:
    """Shippers that are started meanwhile are threads; those that are left at its end are ended."""
    before, started = launch.start, list[_Thread]()

    def start(spool: Spool, uri: str) -> _Thread:
        thread = _Thread(spool, uri)
        started.append(thread)
        thread.start()
        return thread

    launch.start = start
    try:
        yield
    finally:
        launch.start = before
        for thread in started:
            thread.leave()


class _Thread(threading.Thread):
    """With the one question that is asked of a process."""

    def __init__(self, spool: Spool, uri: str) -> None:
        super().__init__(name="tfmlflow-shipper", daemon=True)
        self._spool, self._uri, self._left = spool, uri, threading.Event()

    def run(self) -> None:
        """Be the shipper, if nobody is it yet."""
        held = launch.lock(self._spool, self._uri)
        with contextlib.suppress(Timeout), held.acquire(timeout=2.0):
            Shipper(self._spool, self._uri, idle=IDLE).run(until=self._left.is_set)

    def poll(self) -> int | None:
        """As of `subprocess.Popen`."""
        return None if self.is_alive() else 0

    def leave(self) -> None:
        """End it, wherever it is."""
        self._left.set()
        self.join(timeout=10.0)
