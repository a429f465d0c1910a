"""Processes of this machine."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from tfmlflow.launch.member import Member

DEATH_SIGNAL = 1  # prctl's PR_SET_PDEATHSIG


class Process:
    """A child, with a session of its own: Ctrl-C reaches its parent alone, who passes it on.

    Args:
        command, variables: As of `Member`.
        folder: Where it works; here if None.
        heeds: Whether it heeds signals that its parent ignores, or does not let through.
    """

    def __init__(
        self,
        command: Sequence[str],
        variables: Mapping[str, str | None],
        folder: str | None = None,
        heeds: bool = False,
    ) -> None:
        environment = {key: value for key, value in (os.environ | dict(variables)).items() if value is not None}
        self._process = subprocess.Popen(
            list(command),
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_begin(heeds),
        )

    def poll(self) -> int | None:
        """As of `Running`."""
        return self._process.poll()

    def send(self, number: int) -> None:
        """As of `Running`."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def send_group(self, number: int) -> bool:
        """A signal to all of its session that are left, also after its own end; whether there were any."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def lines(self) -> Iterator[bytes]:
        """As of `Running`."""
        assert self._process.stdout is not None
        yield from self._process.stdout


class Local:
    """This machine, as an engine."""

    def addresses(self, needs: Sequence[bool]) -> list[str]:
        """As of `Engine`."""
        return [f"127.0.0.1:{port}" for port in free_ports(len(needs))]

    def start(self, place: int, member: Member) -> Process:
        """As of `Engine`."""
        return Process(member.command, member.variables)

    def close(self) -> None:
        """Nothing was taken."""


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody uses now."""
    held = [socket.create_server(("", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def _begin(heeds: bool) -> Callable[[], None]:
    """What a child does first: on Linux it asks to be ended with its parent, should that be killed without a word."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None

    def begin() -> None:
        if library is not None:
            library.prctl(DEATH_SIGNAL, signal.SIGTERM)
        if heeds:
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)

    return begin
