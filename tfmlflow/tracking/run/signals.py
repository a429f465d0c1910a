"""Signals: the training stops at the next step, everything is made safe, then the process leaves."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType
from typing import Any

from tfmlflow.errors import Interrupted

# To end a training: a scheduler's, Ctrl-C, a closed terminal, Ctrl-\, and the one that Slurm sends before its limit.
CAUGHT = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1") if hasattr(signal, name)
)
PATIENCE = 2.0  # seconds within which a repeated signal is the same one, from an impatient hand
LONGEST_STEP = 5.0  # seconds after which nobody seems to look at `received` any more


class Signals:
    """Handles the signals between `__enter__` and `__exit__`, in the main thread.

    While `deferred`, a first signal is only noted in `received`, for a callback to stop the training; a further one
    after `PATIENCE`, or one that comes at any other time, raises at once. While `closing`, when a run is being ended,
    none raises: an end that is cut short would leave the run as it was.

    What somebody ignores (`nohup`) stays ignored. A handler of somebody's own is called, and what it does counts.

    Args:
        program: Whether the program is ours: then a signal ends it by `Interrupted`, whatever a library's handler does.
            In somebody's own script Ctrl-C is a `KeyboardInterrupt`, as everywhere in Python.

    Attributes:
        received: Number of the last signal, or None.
        stop: Whether the training is to stop for it; somebody's own handler may want it to go on.
        deferred: A training is running, whose callback looks at `stop` at every step.
        beat: When that callback last did, by `time.monotonic`.
        closing: The run is being ended.
        stays: Where all went well, signals are still only noted after `__exit__`, until `leave`: the result is told.
    """

    def __init__(self, program: bool = True) -> None:
        self.received: int | None = None
        self.stop = False
        self.deferred = self.closing = self.stays = False
        self.beat = self._first = 0.0
        self._program, self._pid = program, os.getpid()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if not self._before and threading.current_thread() is threading.main_thread():
            for number in CAUGHT:
                before = signal.getsignal(number)
                if before is None or before == signal.SIG_IGN:  # of a C library; ignored
                    continue
                if number == getattr(signal, "SIGUSR1", None) and before != signal.SIG_DFL and not _ours(before):
                    continue  # it means something else to this program
                self._before[number] = before
                signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self.stays and error is None:
            return
        if isinstance(error, Interrupted):
            # The process is leaving: a further signal shall not cut that short, nor the end of the interpreter.
            self._before = dict.fromkeys(self._before, signal.SIG_IGN)
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._handle:  # else somebody has put theirs in its place meanwhile
                signal.signal(number, handler)
        self._before = {}

    def leave(self) -> None:
        """Nothing is left to be told: signals mean what they have meant before."""
        self.stays = False
        self.__exit__(None, None, None)

    def error(self) -> BaseException:
        """What the signal that was received is raised as."""
        assert self.received is not None
        if self.received == signal.SIGINT and not self._program:
            return KeyboardInterrupt()
        return Interrupted(self.received)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        theirs = self._before.get(number)
        if os.getpid() != self._pid:  # forked from the process that trains
            signal.signal(number, theirs if theirs is not None else signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        now = time.monotonic()
        if self.received is None:
            self._first = now
        self.received = number
        if callable(theirs) and theirs is not signal.default_int_handler and not _ours(theirs):
            theirs(number, frame)
            if not self._program:
                return
        self.stop = True
        if self.closing:
            return
        if not self.deferred or now - self._first > PATIENCE or now - self.beat > LONGEST_STEP:
            raise self.error()


def _ours(handler: Any) -> bool:
    """Whether a handler is that of an outer `Signals`, whose place the inner one takes."""
    return isinstance(getattr(handler, "__self__", None), Signals)
