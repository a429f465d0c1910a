"""Nobody waits without end: who has not come is named."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tfmlflow.errors import UsageError
from tfmlflow.hardware import rendezvous
from tfmlflow.job.cluster import Cluster
from tfmlflow.launch.local import free_ports

VERSIONS = {"keras": "3"}


def meeting(*come: int, of: int = 3, timeout: float = 3.0, versions: Any = None) -> list[str]:
    """What each of those that come is told; nothing if it may go on."""
    workers = tuple(f"127.0.0.1:{port}" for port in free_ports(of))

    def one(index: int) -> str:
        try:
            rendezvous.meet(Cluster(workers, index=index), timeout, (versions or {}).get(index, VERSIONS))
        except UsageError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(of) as pool:
        return list(pool.map(one, come))


def test_all_go_on_when_all_have_come() -> None:
    assert meeting(2, 0, 1) == ["", "", ""]


def test_one_alone_waits_for_nobody() -> None:
    assert meeting(0, of=1) == [""]


def test_who_is_missing_is_named_to_everyone() -> None:
    first, other = meeting(0, 2, timeout=1.0)
    for said in (first, other):
        assert "worker 1 (127.0.0.1:" in said
        assert "did not come within 1 s" in said


def test_a_chief_that_does_not_answer_is_named() -> None:
    (said,) = meeting(1, timeout=0.5)
    assert "worker 0 at 127.0.0.1:" in said
    assert "did not answer worker 1 within 0 s (Connection refused)" in said


def test_other_versions_are_refused() -> None:
    first, other, _ = meeting(0, 1, 2, versions={1: {"keras": "2"}})
    assert first == other == "hardware=multi_worker: worker 1 has keras 2 where worker 0 has 3"


def test_an_address_that_somebody_has_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        workers = (f"127.0.0.1:{taken.getsockname()[1]}", "127.0.0.1:1")
        with pytest.raises(UsageError, match=r"worker 0 cannot listen at 127\.0\.0\.1:.*: Address already in use"):
            rendezvous.meet(Cluster(workers), 1.0, VERSIONS)


def test_a_stranger_who_knocks_is_not_counted() -> None:
    workers = tuple(f"127.0.0.1:{port}" for port in free_ports(2))

    def stranger() -> None:
        for _ in range(50):
            try:
                with socket.create_connection(("127.0.0.1", int(workers[0].split(":")[1])), timeout=1) as chief:
                    chief.sendall(b"GET / HTTP/1.1\r\n\r\n")
                return
            except OSError:
                continue

    with ThreadPoolExecutor(2) as pool:
        knocking = pool.submit(stranger)
        with pytest.raises(UsageError, match=r"worker 1 .* did not come"):
            rendezvous.meet(Cluster(workers), 3.0, VERSIONS)
        knocking.result()
