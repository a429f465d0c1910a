"""Where processes are started: this machine, or whatever engine a team has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from tfmlflow.launch.member import Member


class Running(Protocol):
    """A process that was started."""

    def poll(self) -> int | None:
        """Its exit code, negative the signal that has ended it; None while it runs."""

    def send(self, number: int) -> None:
        """Send a signal to it and all of its children; nothing if it has ended."""

    def lines(self) -> Iterator[bytes]:
        """What it says, until its end."""


class Engine(Protocol):
    """Starts processes."""

    def addresses(self, needs: Sequence[bool]) -> list[str]:
        """Where each process can be reached, `host:port`; asked anew before all are started.

        Args:
            needs: Of each process, whether it needs a device.

        Raises:
            UsageError: There is no room for them.
        """

    def start(self, place: int, member: Member) -> Running:
        """Start a process at one of the addresses."""

    def close(self) -> None:
        """Give back what was taken for them."""
