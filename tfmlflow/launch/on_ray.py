"""Processes that Ray places: each has an actor beside it, on the machine that has room."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmlflow.errors import UsageError
from tfmlflow.launch.local import Process, free_ports
from tfmlflow.launch.member import Member

ROOM = 30.0  # seconds within which Ray must have found a place for each
LOOK = 0.2  # seconds that an actor waits for a further line
PASSED = ("MLFLOW_", "TFMLFLOW_", "TF_", "KERAS_", "HYDRA_", "PYTHON")  # variables that go with a process


NOBODY = "--on ray: no cluster answers; begin one by `ray start --head`, or name one that runs in RAY_ADDRESS"


class Host:
    """Runs one process where Ray has put it; the class of the actors."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._said: deque[bytes] = deque()
        self._reader = threading.Thread()

    def address(self) -> str:
        """Where its process can be reached."""
        import ray

        node: Any = ray.util
        return f"{node.get_node_ip_address()}:{free_ports(1)[0]}"

    def start(self, command: Sequence[str], variables: Mapping[str, str | None], folder: str) -> None:
        """Start a process."""
        self._said.clear()
        self._process = Process(command, variables, folder, heeds=True)  # Ray's threads do not
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def _read(self, process: Process) -> None:
        self._said.extend(process.lines())

    def more(self) -> tuple[list[bytes], int | None]:
        """(what it has said since, its exit code once it has ended and all is said)."""
        assert self._process is not None
        deadline = time.monotonic() + LOOK
        while not self._said and self._reader.is_alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        code = self._process.poll()
        if code is not None:
            self._reader.join(2.0)  # a shipper that outlives its trainer may hold the pipe
        return [self._said.popleft() for _ in range(len(self._said))], code

    def send(self, number: int) -> None:
        """Send a signal."""
        if self._process is not None:
            self._process.send(number)


class OnRay:
    """The cluster of `RAY_ADDRESS`, or the one that runs on this machine, as an engine.

    All machines need the program, its packages and its folder under the same paths.

    Raises:
        UsageError: Ray is not installed, or no cluster answers.
    """

    def __init__(self) -> None:
        try:
            import ray
        except ImportError:
            raise UsageError("--on ray: Ray is not installed; pip install ray") from None
        named = os.environ.get("RAY_ADDRESS", "")
        if re.fullmatch(r"[\w.-]+:\d+", named) and not _answers(named):  # which Ray would wait for without end
            raise UsageError(f"{NOBODY}, which is {named}")
        before = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(address="auto", log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
        except ConnectionError:
            raise UsageError(NOBODY) from None
        signal.signal(signal.SIGTERM, before)  # which Ray has taken
        self._ray, self._hosts = ray, list[Any]()

    def addresses(self, needs: Sequence[bool]) -> list[str]:
        """As of `Engine`: those that need a device have a CPU each, and a GPU where there is one for each of them."""
        ray = self._ray
        self._leave()
        total = ray.cluster_resources()
        gpus = 1 if total.get("GPU", 0) >= sum(needs) else 0
        kind = ray.remote(max_concurrency=4)(Host)
        wants = [{"num_cpus": 1, "num_gpus": gpus} if need else {"num_cpus": 0} for need in needs]
        self._hosts = [kind.options(scheduling_strategy="SPREAD", **want).remote() for want in wants]
        asked = [host.address.remote() for host in self._hosts]
        there, missing = ray.wait(asked, num_returns=len(asked), timeout=ROOM)
        if missing:
            self._leave()
            raise UsageError(
                f"--on ray: the cluster has room for {len(there)} of {len(needs)} processes within "
                f"{ROOM:.0f} s (it has {total.get('CPU', 0):.0f} CPUs, and each worker takes one); use fewer --workers"
            )
        return [str(address) for address in ray.get(asked)]

    def start(self, place: int, member: Member) -> _Placed:
        """As of `Engine`."""
        passed = {key: value for key, value in os.environ.items() if key.startswith(PASSED)}
        host = self._hosts[place]
        with contextlib.suppress(self._ray.exceptions.RayError):  # the machine is gone, as who waits will see
            self._ray.get(host.start.remote(list(member.command), passed | dict(member.variables), str(Path.cwd())))
        return _Placed(self._ray, host)

    def close(self) -> None:
        """As of `Engine`."""
        self._leave()
        self._ray.shutdown()

    def _leave(self) -> None:
        for host in self._hosts:
            self._ray.kill(host)
        self._hosts = []


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5.0).close()
    except OSError:
        return False
    return True


class _Placed:
    """A process beside its actor; one whose machine is gone was killed."""

    def __init__(self, ray: Any, host: Any) -> None:
        self._ray, self._host = ray, host
        self._code: int | None = None

    def poll(self) -> int | None:
        return self._code

    def send(self, number: int) -> None:
        if self._code is None:
            self._host.send.remote(number)

    def lines(self) -> Iterator[bytes]:
        while self._code is None:
            try:
                said, code = self._ray.get(self._host.more.remote())
            except self._ray.exceptions.RayError:
                said, code = [], -signal.SIGKILL
            yield from said
            self._code = code
