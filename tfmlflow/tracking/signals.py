"""SIGTERM and SIGINT: the training stops at the next step, everything is made safe, then the process leaves."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Any

from tfmlflow.errors import Interrupted

CAUGHT = (signal.SIGTERM, signal.SIGINT)
PATIENCE = 2.0  # seconds within which a repeated signal is the same one, from an impatient hand
LONGEST_STEP = 5.0  # seconds after which nobody seems to look at `received` any more


class Signals:
    """Handles the signals between `__enter__` and `__exit__`, in the main thread.

    While `deferred`, a first signal is only noted in `received`, for a callback to stop the training; a further one
    after `PATIENCE`, or one that comes at any other time, raises `Interrupted` at once. While `closing`, when a run is
    being ended, none raises: an end that is cut short would leave the run as it was.

    Attributes:
        received: Number of the last signal, or None.
        deferred: A training is running, whose callback looks at `received` at every step.
        beat: When that callback last did, by `time.monotonic`.
        closing: The run is being ended.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.deferred = self.closing = False
        self.beat = self._first = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if not self._before and threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in CAUGHT}
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, Interrupted):
            # The process is leaving: a further signal shall not cut that short, nor the end of the interpreter.
            self._before = dict.fromkeys(self._before, signal.SIG_IGN)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.received is None:
            self._first = now
        self.received = number
        if self.closing:
            return
        if not self.deferred or now - self._first > PATIENCE or now - self.beat > LONGEST_STEP:
            raise Interrupted(number)
