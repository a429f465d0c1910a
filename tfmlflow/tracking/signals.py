"""SIGTERM and SIGINT: the training stops at the next step, everything is made safe, then the process leaves."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from tfmlflow.errors import Interrupted

CAUGHT = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """Handles the signals between `__enter__` and `__exit__`, in the main thread.

    While `deferred`, a first signal is only noted in `received`, for a callback to stop the training; a second one, or
    one that comes at any other time, raises `Interrupted` at once.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.deferred = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in CAUGHT}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again = self.received is not None
        self.received = number
        if again or not self.deferred:
            raise Interrupted(number)
