"""Each fault of the proxy is the one it is named after, and has the effect at the server it promises."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import requests
from requests.exceptions import ChunkedEncodingError, ConnectionError, ReadTimeout

from tests.servers.fault_proxy import FaultProxy
from tests.servers.upstream import Upstream


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[FaultProxy]:
    with FaultProxy(upstream.uri, delay=0.3) as running:
        yield running


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """One connection, kept alive; nothing is tried again."""
    with requests.Session() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _quiet(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert capfd.readouterr() == ("", "")


def test_passes_on_over_one_connection(proxy: FaultProxy, upstream: Upstream, session: requests.Session) -> None:
    assert session.post(f"{proxy.uri}/a?x=1", data=b"abc").text == "3 bytes came"
    assert session.get(f"{proxy.uri}/chunked").text == "firstsecond"
    assert session.head(f"{proxy.uri}/a").status_code == 501
    assert session.get(f"{proxy.uri}/empty").content == b""
    assert session.get(f"{proxy.uri}/endless").text == "until closed"
    assert upstream.seen[0] == ("POST", "/a?x=1", b"abc")
    assert proxy.requests[:2] == [("POST", "/a", "pass"), ("GET", "/chunked", "pass")]


def test_mode_holds_for_the_next_request_of_a_kept_connection(proxy: FaultProxy) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", proxy.port)) as connection:
        codes, sockets = [], set()
        for mode in ("pass", "error503", "pass"):
            proxy.mode = mode
            connection.request("POST", "/a", b"abc")
            answer = connection.getresponse()
            codes.append(answer.status)
            answer.read()
            sockets.add(connection.sock)
    assert codes == [200, 503, 200]
    assert len(sockets) == 1


def test_large_uploads_with_length_and_in_chunks(
    proxy: FaultProxy, upstream: Upstream, session: requests.Session
) -> None:
    content = bytes(range(256)) * 100_000
    assert session.put(f"{proxy.uri}/file", data=content).text == f"{len(content)} bytes came"
    pieces = (content[start : start + 99_999] for start in range(0, len(content), 99_999))
    assert session.put(f"{proxy.uri}/file", data=pieces).text == f"{len(content)} bytes came"
    assert all(seen == ("PUT", "/file", content) for seen in upstream.seen)


def test_refuses_and_opens_the_same_port(proxy: FaultProxy, upstream: Upstream, session: requests.Session) -> None:
    for _ in range(20):  # at once after an answer too
        assert session.get(f"{proxy.uri}/a").ok
        proxy.mode = "refuse"
        for _ in range(2):
            with pytest.raises(ConnectionError, match="refused"):
                session.get(f"{proxy.uri}/b")
        proxy.mode = "pass"
    assert {path for _, path, _ in upstream.seen} == {"/a"}


@pytest.mark.parametrize(("mode", "status"), [("error500", 500), ("error429", 429), ("error503", 503)])
def test_errors_have_no_effect(
    proxy: FaultProxy, upstream: Upstream, session: requests.Session, mode: str, status: int
) -> None:
    proxy.mode = mode
    answer = session.post(f"{proxy.uri}/a", data=b"abc")
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, "1" if status == 429 else None)
    assert mode in answer.json()["message"]
    assert upstream.seen == []
    proxy.mode = "pass"
    assert session.get(f"{proxy.uri}/b").ok


def test_half_an_answer_after_the_effect(proxy: FaultProxy, upstream: Upstream, session: requests.Session) -> None:
    proxy.mode = "half"
    with pytest.raises(ChunkedEncodingError, match="IncompleteRead"):
        session.post(f"{proxy.uri}/a", data=b"abc")
    with pytest.raises(ChunkedEncodingError):
        session.get(f"{proxy.uri}/chunked")
    assert [path for _, path, _ in upstream.seen] == ["/a", "/chunked"]


def test_no_answer_after_the_effect(proxy: FaultProxy, upstream: Upstream, session: requests.Session) -> None:
    proxy.mode = "drop_answer"
    with pytest.raises(ConnectionError, match="without response"):
        session.post(f"{proxy.uri}/a", data=b"abc")
    assert upstream.seen == [("POST", "/a", b"abc")]
    assert proxy.requests == [("POST", "/a", "drop_answer")]


def test_slow(proxy: FaultProxy, session: requests.Session) -> None:
    proxy.mode = "slow"
    start = time.monotonic()
    assert session.get(f"{proxy.uri}/a").ok
    assert 0.3 <= time.monotonic() - start < 2


def test_hangs_until_the_mode_is_assigned(proxy: FaultProxy, upstream: Upstream, session: requests.Session) -> None:
    proxy.mode = "hang"
    with pytest.raises(ReadTimeout):
        session.post(f"{proxy.uri}/given-up", data=b"abc", timeout=0.3)
    release = threading.Timer(0.3, setattr, (proxy, "mode", "pass"))
    release.start()
    assert session.post(f"{proxy.uri}/waited", data=b"abc", timeout=5).text == "3 bytes came"
    release.join()
    assert upstream.seen == [("POST", "/waited", b"abc")]


def test_schedule_decides_for_each_request(proxy: FaultProxy, session: requests.Session) -> None:
    proxy.schedule = lambda number, method, path: ["pass", "error503", "refuse"][number % 3] if path == "/a" else "pass"
    codes: list[int] = []
    for _ in range(2):
        codes += [session.get(f"{proxy.uri}/a").status_code for _ in range(2)]
        with pytest.raises(ConnectionError, match="reset"):
            session.get(f"{proxy.uri}/a")
    assert codes == [200, 503, 200, 503]
    proxy.mode = "error500"
    assert session.get(f"{proxy.uri}/a").status_code == 500


def test_clients_that_vanish_leave_no_trace(proxy: FaultProxy, upstream: Upstream, session: requests.Session) -> None:
    for words in (b"", b"GET /a", b"nonsense\r\n\r\n", b"POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"):
        socket.create_connection(("127.0.0.1", proxy.port)).sendall(words)
    with session.get(f"{proxy.uri}/a", stream=True):
        pass
    assert session.get(f"{proxy.uri}/b").ok
    assert all(method == "GET" for method, _, _ in upstream.seen)


def test_server_that_is_not_there(proxy: FaultProxy, upstream: Upstream, session: requests.Session) -> None:
    upstream.__exit__()
    with pytest.raises(ConnectionError):
        session.get(f"{proxy.uri}/a")


def test_end_ends_what_hangs(upstream: Upstream, session: requests.Session) -> None:
    with FaultProxy(upstream.uri) as proxy:
        proxy.mode = "hang"
        threading.Timer(0.2, proxy.__exit__).start()
        with pytest.raises(ConnectionError):
            session.get(f"{proxy.uri}/a", timeout=5)


def test_unknown_mode(proxy: FaultProxy) -> None:
    with pytest.raises(ValueError, match="no mode 'maybe'"):
        proxy.mode = "maybe"
