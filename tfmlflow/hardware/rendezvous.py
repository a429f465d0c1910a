"""All processes are there, before the first of them waits for another inside TensorFlow, which has no end.

The chief listens at its address, the others come and say who they are; when all have come, the chief lets them go on.
Who is missing is named by everyone.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfmlflow.errors import UsageError
from tfmlflow.job.cluster import Cluster

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds after which those that are missing are named for the first time
AGAIN = 0.2  # seconds between two attempts to reach the chief
LOOK = 0.2  # seconds of waiting for one that comes
LONGEST = 10_000  # bytes of a message


@dataclass(frozen=True)
class Meeting:
    """What all of them know before.

    Attributes:
        hardware: Name of the option, for messages.
        address: The chief's.
        chief: Its name, for people.
        others: Address by name.
        timeout: Seconds until all must have come.
        versions: Of packages that must be the same everywhere.
    """

    hardware: str
    address: str
    chief: str
    others: Mapping[str, str]
    timeout: float
    versions: Mapping[str, str]

    def error(self, said: str) -> UsageError:
        """What is wrong, in words."""
        return UsageError(f"hardware={self.hardware}: {said}")


def meet(cluster: Cluster, timeout: float, versions: Mapping[str, str]) -> None:
    """Wait for all workers, of which the first is the chief.

    Args:
        cluster: Who they are.
        timeout: Seconds.
        versions: Of packages that must be the same everywhere.

    Raises:
        UsageError: Somebody has not come in time, or has other versions.
    """
    first, *rest = cluster.workers
    if not rest:
        return
    others = {f"worker {index}": address for index, address in enumerate(rest, 1)}
    meeting = Meeting("multi_worker", first, "worker 0", others, timeout, versions)
    if cluster.index > 0:
        come(meeting, cluster.name).close()
        return
    with listen(meeting) as listening:
        for other in gather(meeting, listening).values():
            other.close()


def listen(meeting: Meeting) -> socket.socket:
    """Where the others come to.

    Raises:
        UsageError: Somebody else has the address.
    """
    host, port = _split(meeting.address)
    local = host in ("localhost", "127.0.0.1")
    try:
        return socket.create_server((host if local else "", port), reuse_port=False)
    except OSError as error:
        raise UsageError(f"{meeting.chief} cannot listen at {meeting.address}: {error.strerror or error}") from None


def gather(meeting: Meeting, listening: socket.socket) -> dict[str, socket.socket]:
    """Wait for the others; the connection to each, by name.

    Raises:
        UsageError: Somebody has not come in time, or has other versions.
    """
    came: dict[str, socket.socket] = {}
    began, told, wrong = time.monotonic(), False, ""
    while len(came) < len(meeting.others) and not wrong and time.monotonic() - began < meeting.timeout:
        other, name, wrong = admit(meeting, listening)
        if other is not None:
            came[name] = other
        if not told and time.monotonic() - began > PATIENCE:
            told = True
            log.warning("waiting for %s, at most %.0f s", _missing(meeting, came), meeting.timeout)
    if not wrong and (missing := _missing(meeting, came)):
        wrong = (
            f"{missing} did not come within {meeting.timeout:.0f} s; are they started, and can they reach this machine?"
        )
    for other in came.values():
        send(other, wrong=wrong)
    if wrong:
        for other in came.values():
            other.close()
        raise meeting.error(wrong)
    return came


def admit(meeting: Meeting, listening: socket.socket) -> tuple[socket.socket | None, str, str]:
    """(connection, name, what is wrong with it) of one of the others, if one comes now."""
    listening.settimeout(LOOK)
    try:
        other = listening.accept()[0]
    except TimeoutError:
        return None, "", ""
    said = receive(other, 2.0)
    name = str(said.get("name"))
    if name not in meeting.others:
        other.close()
        return None, "", ""
    return other, name, _difference(name, said.get("versions", {}), meeting)


def come(meeting: Meeting, name: str) -> socket.socket:
    """Come to the chief, and wait until it lets this one go on; the connection.

    Raises:
        UsageError: It does not, or cannot be reached.
    """
    host, port = _split(meeting.address)
    began, why, told = time.monotonic(), "", False
    deadline = began + meeting.timeout
    while time.monotonic() < deadline:
        try:
            chief = socket.create_connection((host, port), timeout=2.0)
        except OSError as error:
            why = str(error.strerror or error)
            if not told and time.monotonic() - began > PATIENCE:
                told = True
                log.warning(
                    "waiting for %s (%s), at most %.0f s: %s", meeting.chief, meeting.address, meeting.timeout, why
                )
            time.sleep(AGAIN)
            continue
        send(chief, name=name, versions=dict(meeting.versions))
        said = receive(chief, max(1.0, deadline - time.monotonic()) + 5.0)
        if said and not said.get("wrong"):
            return chief
        chief.close()
        if said:
            raise meeting.error(said["wrong"])
        why = "it left"  # perhaps to begin again
        time.sleep(AGAIN)
    raise meeting.error(
        f"{meeting.chief} at {meeting.address} did not answer {name} within {meeting.timeout:.0f} s "
        f"({why or 'no answer'}); is it started, and can this machine reach it?"
    )


def send(connection: socket.socket, **said: Any) -> bool:
    """Send a message; whether somebody is there to read it."""
    try:
        connection.sendall(json.dumps(said).encode() + b"\n")
    except OSError:
        return False
    return True


def receive(connection: socket.socket, timeout: float) -> dict[str, Any]:
    """A message, and nothing of what comes after it; empty if none came."""
    connection.settimeout(timeout)
    text = b""
    with contextlib.suppress(OSError, ValueError):
        while not text.endswith(b"\n") and len(text) < LONGEST and (more := connection.recv(1)):
            text += more
        said = json.loads(text)
        return said if isinstance(said, dict) else {}
    return {}


def _missing(meeting: Meeting, came: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} ({address})" for name, address in meeting.others.items() if name not in came)


def _difference(name: str, theirs: Mapping[str, str], meeting: Meeting) -> str:
    ours = meeting.versions
    other = [package for package in ours if theirs.get(package) != ours[package]]
    said = ", ".join(f"{package} {theirs.get(package)} where {meeting.chief} has {ours[package]}" for package in other)
    return f"{name} has {said}" if said else ""


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)
