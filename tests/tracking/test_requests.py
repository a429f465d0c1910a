"""Asking a store that is away."""

from __future__ import annotations

import time

import pytest

from tests.servers.ports import free_port
from tfmlflow.tracking.store import retry, store
from tfmlflow.tracking.store.requests import Requests


@pytest.mark.parametrize("kind", ["postgresql", "mysql+pymysql", "http"])
def test_one_that_refuses_connections_is_told_at_once_and_nobody_waits_for_the_lock(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once SQLAlchemy tried for 101 s, with the lock held, and the shipper was said to hang."""

    def lock(uri: str) -> None:
        raise AssertionError("the lock was asked for")

    monkeypatch.setattr("tfmlflow.tracking.store.requests.initialization_lock", lock)
    uri, began = f"{kind}://me:secret@127.0.0.1:{free_port()}/mlflow", time.monotonic()
    with pytest.raises(ConnectionError) as caught:
        Requests(uri)
    assert time.monotonic() - began < store.CONNECT_TIMEOUT + 1
    assert retry.passing(caught.value)
    assert retry.reason(caught.value) == "connection refused"
