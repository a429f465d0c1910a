"""All workers are there, before the first of them waits for another inside TensorFlow, which has no end.

The chief listens at the address that TensorFlow will have, the others come and say who they are; when all have come,
the chief lets them go on. Who is missing is named by everyone.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import time
from collections.abc import Mapping
from typing import Any

from tfmlflow.errors import UsageError
from tfmlflow.job.cluster import Cluster

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds after which those that are missing are named for the first time
AGAIN = 0.2  # seconds between two attempts to reach the chief


def meet(cluster: Cluster, timeout: float, versions: Mapping[str, str]) -> None:
    """Wait for all workers.

    Args:
        cluster: Who they are.
        timeout: Seconds.
        versions: Of packages that must be the same everywhere.

    Raises:
        UsageError: Somebody has not come in time, or has other versions.
    """
    if len(cluster.workers) > 1:
        (_wait if cluster.index == 0 else _come)(cluster, time.monotonic() + timeout, timeout, dict(versions))


def _wait(cluster: Cluster, deadline: float, timeout: float, versions: dict[str, str]) -> None:
    host, port = _split(cluster.workers[0])
    local = host in ("localhost", "127.0.0.1")
    try:
        listening = socket.create_server((host if local else "", port), reuse_port=False)
    except OSError as error:
        raise UsageError(f"worker 0 cannot listen at {cluster.workers[0]}: {error.strerror or error}") from None
    came: dict[int, socket.socket] = {}
    told, began, wrong = False, time.monotonic(), ""
    with listening, contextlib.ExitStack() as open_ones:
        while len(came) < len(cluster.workers) - 1 and not wrong and time.monotonic() < deadline:
            listening.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                other = open_ones.enter_context(listening.accept()[0])
                said = _read(other, 2.0)
                index = said.get("index")
                if isinstance(index, int) and 0 < index < len(cluster.workers):
                    came[index] = other
                    wrong = _difference(index, said.get("versions", {}), versions)
            if not told and time.monotonic() - began > PATIENCE:
                told = True
                log.warning("waiting for %s, at most %.0f s", _missing(cluster, came), timeout)
        missing = _missing(cluster, came)
        if missing and not wrong:
            wrong = f"{missing} did not come within {timeout:.0f} s; are they started, and can they reach this machine?"
        for other in came.values():
            with contextlib.suppress(OSError):
                other.sendall(json.dumps({"wrong": wrong}).encode() + b"\n")
    if wrong:
        raise UsageError(f"hardware=multi_worker: {wrong}")


def _come(cluster: Cluster, deadline: float, timeout: float, versions: dict[str, str]) -> None:
    host, port = _split(cluster.workers[0])
    why, told, began = "", False, time.monotonic()
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((host, port), timeout=2.0) as chief:
                chief.sendall(json.dumps({"index": cluster.index, "versions": versions}).encode() + b"\n")
                said = _read(chief, max(1.0, deadline - time.monotonic()) + 5.0)
        except OSError as error:
            why = str(error.strerror or error)
            if not told and time.monotonic() - began > PATIENCE:
                told = True
                log.warning("waiting for worker 0 (%s), at most %.0f s: %s", cluster.workers[0], timeout, why)
            time.sleep(AGAIN)
            continue
        if said.get("wrong"):
            raise UsageError(f"hardware=multi_worker: {said['wrong']}")
        if said:
            return
        why = "it left"  # perhaps to begin again
        time.sleep(AGAIN)
    raise UsageError(
        f"hardware=multi_worker: worker 0 at {cluster.workers[0]} did not answer {cluster.name} within {timeout:.0f} s "
        f"({why or 'no answer'}); is it started, and can this machine reach it?"
    )


def _read(connection: socket.socket, timeout: float) -> dict[str, Any]:
    """A line of JSON; empty if none came."""
    connection.settimeout(timeout)
    text = b""
    try:
        while not text.endswith(b"\n") and len(text) < 10_000 and (more := connection.recv(4096)):
            text += more
        said = json.loads(text)
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _missing(cluster: Cluster, came: Mapping[int, Any]) -> str:
    absent = [index for index in range(1, len(cluster.workers)) if index not in came]
    return ", ".join(f"worker {index} ({cluster.workers[index]})" for index in absent)


def _difference(index: int, theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    names = [name for name in ours if theirs.get(name) != ours[name]]
    said = ", ".join(f"{name} {theirs.get(name)} where worker 0 has {ours[name]}" for name in names)
    return f"worker {index} has {said}" if said else ""


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)
