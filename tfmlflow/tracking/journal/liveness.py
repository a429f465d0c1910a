"""Whether a process still lives: the same one, on the same machine, since the same boot."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Process:
    """A process.

    Attributes:
        pid: Its number.
        started: When, in a unit that no change of the clock moves; tells it from a later process of its number.
        machine: Host, boot and pid namespace: where the number means something.
    """

    pid: int
    started: float
    machine: str

    @classmethod
    def current(cls) -> Process:
        """This one."""
        pid = os.getpid()
        return cls(pid, _started(pid) or 0.0, machine())

    @property
    def here(self) -> bool:
        """Whether it belongs to this machine, so that `alive` can tell."""
        return self.machine == machine()

    @property
    def alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        started = _started(self.pid)
        if started is None or abs(started - self.started) > (0.5 if sys.platform == "linux" else 2.0):
            return False
        return self._status not in (None, psutil.STATUS_ZOMBIE)

    @property
    def stopped(self) -> bool:
        """Whether it lives, and does nothing until somebody lets it go on."""
        return self.alive and self._status == psutil.STATUS_STOPPED

    @property
    def _status(self) -> str | None:
        try:
            return str(psutil.Process(self.pid).status())
        except psutil.Error:
            return None


@cache
def machine() -> str:
    """This machine since its last boot, as seen from this container."""
    parts = [socket.gethostname()]
    for source in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        try:
            parts.append(str(Path(source).readlink()) if source.endswith("pid") else Path(source).read_text().strip())
        except OSError:
            continue
    return " ".join(parts)


def _started(pid: int) -> float | None:
    """Ticks since boot on Linux, since `psutil` adds a boot time that moves with the clock."""
    if sys.platform == "linux":
        try:
            return float(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        except (OSError, IndexError, ValueError):
            return None
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None
