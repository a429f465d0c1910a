"""Who of the others is there for as long as a training goes on: each holds a connection to the chief.

A connection that breaks tells at once of a process that is gone, or of a chief that is.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from tfmlflow.hardware import rendezvous
from tfmlflow.hardware.rendezvous import Meeting

log = logging.getLogger(__name__)

LOOK = 0.2  # seconds between two looks


class Attendance:
    """The chief's part: it notes who goes and who comes back, and tells all what it has to tell.

    Args:
        meeting: Who they are, all of whom have come.

    Attributes:
        left: Those that have gone since the last look of whoever trains, in words; it takes them out.
    """

    def __init__(self, meeting: Meeting) -> None:
        self._meeting = meeting
        self._listening = rendezvous.listen(meeting)
        try:
            self._here = rendezvous.gather(meeting, self._listening)
        except BaseException:
            self._listening.close()
            raise
        self._told: list[dict[str, Any]] = []
        self._lock, self._over = threading.Lock(), threading.Event()
        self.left: list[str] = []
        self._thread = threading.Thread(target=self._watch, name="tfmlflow-attendance", daemon=True)
        self._thread.start()

    def here(self, kind: str) -> list[str]:
        """Names of those that are there: `worker` or `server`."""
        with self._lock:
            return sorted(name for name in self._here if name.startswith(kind))

    def tell(self, **said: Any) -> None:
        """Tell all that are there, and those that come later."""
        with self._lock:
            self._told.append(said)
            for other in self._here.values():
                rendezvous.send(other, **said)

    def close(self, **last: Any) -> None:
        """Let all go, with a last word."""
        self._over.set()
        self._thread.join()
        if last:
            self.tell(**last)
        with self._lock:
            for other in (self._listening, *self._here.values()):
                other.close()

    def _watch(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError):
                self._welcome()
            with self._lock:
                for name in [name for name, other in self._here.items() if is_gone(other)]:
                    self._here.pop(name).close()
                    self.left.append(name)

    def _welcome(self) -> None:
        """Let one that comes back take part again."""
        other, name, wrong = rendezvous.admit(self._meeting, self._listening)
        if other is None:
            return
        rendezvous.send(other, wrong=wrong)
        if wrong:
            other.close()
            return
        with self._lock:
            for said in self._told:
                rendezvous.send(other, **said)
            if (before := self._here.pop(name, None)) is not None:
                before.close()
                self.left.append(name)
            self._here[name] = other
        log.warning("%s is here again", name)


class Member:
    """The part of one that serves: it stays until the chief says that it is over.

    Args:
        name: For people: `worker 0`, `server 0`.
        connection: To the chief.
    """

    def __init__(self, name: str, connection: socket.socket) -> None:
        self.name, self._connection = name, connection

    def serve(self, told: Callable[[dict[str, Any]], None], beat: Callable[[], None]) -> bool:
        """Wait for the end; whether the chief has said it, or was gone without.

        Args:
            told: Takes what the chief tells.
            beat: Called again and again.
        """
        with self._connection:
            while not is_gone(self._connection):
                beat()
                if not _has_more(self._connection):
                    time.sleep(LOOK)
                    continue
                said = rendezvous.receive(self._connection, 2.0)
                if said.get("over"):
                    return True
                if said:
                    told(said)
        return False


def is_gone(other: socket.socket) -> bool:
    """Whether the other side has closed a connection."""
    try:
        other.setblocking(False)
        return other.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _has_more(other: socket.socket) -> bool:
    with contextlib.suppress(OSError):
        return other.recv(1, socket.MSG_PEEK) != b""
    return False
