"""A server's process group: ended, paused and killed as one, and never alive after the test process."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

# Ends when its input does, which is when the test process is gone, by whatever death.
WATCHDOG = "read -r _; kill -s {signal} -- {target}; kill -s CONT -- {target}"


def group_of(user: str | None) -> int | None:
    """A user's own group, for `subprocess`."""
    return pwd.getpwnam(user).pw_gid if user else None


class ServerProcess:
    """A command with an own session, its output in `log`."""

    def __init__(
        self,
        command: list[str],
        log: Path,
        *,
        environment: dict[str, str] | None = None,
        user: str | None = None,
        last_signal: str = "KILL",
    ) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=log.parent,
                env=environment,
                user=user,
                group=group_of(user),
                extra_groups=[] if user else None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        end = WATCHDOG.format(signal=last_signal, target=-self._process.pid)
        self._watchdog = subprocess.Popen(
            ["sh", "-c", end],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Of the first process; the group has the same number."""
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool], timeout: float = 90) -> None:
        """Until the server answers; one that ends instead tells why."""
        deadline = time.monotonic() + timeout
        while not ready():
            if self._process.poll() is not None:
                raise RuntimeError(f"ended with {self._process.returncode}:\n{self.tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise TimeoutError(f"not ready after {timeout:.0f} s:\n{self.tail()}")
            time.sleep(0.05)

    def tail(self) -> str:
        """The end of what it printed."""
        return self._log.read_text(errors="replace")[-4000:]

    def send(self, number: signal.Signals) -> None:
        """To every process of the group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout: float = 15) -> None:
        """In an orderly way, paused or not."""
        self.send(number)
        self.send(signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        self.kill()

    def kill(self) -> None:
        """At once; what is left of the group goes too."""
        self.send(signal.SIGKILL)
        self._process.wait()
        self._watchdog.kill()
        self._watchdog.communicate()
