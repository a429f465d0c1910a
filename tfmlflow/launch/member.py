"""One of the processes that train together, before it is started and after it has ended."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Member:
    """A process to be started.

    Attributes:
        name: For people.
        command: What it runs.
        variables: Of its environment, beside those of where it is started; None takes one away.
        output: File that its output goes to as well.
        spare: Whether the others go on without it.
        trains: Whether it needs a device.
    """

    name: str
    command: Sequence[str]
    variables: Mapping[str, str | None]
    output: Path
    spare: bool = False
    trains: bool = True


@dataclass(frozen=True)
class Ended:
    """How a process ended: its name, and its exit code, negative the signal that has ended it."""

    name: str
    code: int

    def __str__(self) -> str:
        if self.code < 0:
            return f"{self.name} was ended by {signal.Signals(-self.code).name}"
        return f"{self.name} left with exit code {self.code}"
