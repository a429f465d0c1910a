"""A store that is away, and a record that is wrong."""

from __future__ import annotations

import io
import sqlite3
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from mlflow.exceptions import MlflowException, RestException
from mlflow.protos import databricks_pb2 as codes

from tests.servers.ports import free_port
from tfmlflow.tracking.store import retry


def rest(code: str) -> RestException:
    return RestException({"error_code": code, "message": "m"})


def answer(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError("said the server", response=response)


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (MlflowException("m"), True),  # 500
        (MlflowException("m", codes.TEMPORARILY_UNAVAILABLE), True),
        (MlflowException("m", codes.REQUEST_LIMIT_EXCEEDED), True),
        (MlflowException("m", codes.PERMISSION_DENIED), True),  # a login that somebody sets right
        (MlflowException("m", codes.UNAUTHENTICATED), True),
        (MlflowException("m", codes.ENDPOINT_NOT_FOUND), True),
        (MlflowException("m", codes.INVALID_PARAMETER_VALUE), False),
        (MlflowException("m", codes.RESOURCE_DOES_NOT_EXIST), False),
        (MlflowException("m", codes.RESOURCE_ALREADY_EXISTS), False),
        (MlflowException("m", codes.BAD_REQUEST), False),
        (rest("TEMPORARILY_UNAVAILABLE"), True),
        (rest("INTERNAL_ERROR"), True),
        (rest("INVALID_PARAMETER_VALUE"), False),
        (answer(500), True),
        (answer(503), True),
        (answer(429), True),
        (answer(408), True),
        (answer(401), True),
        (answer(403), True),
        (answer(404), False),
        (answer(400), False),
        (answer(413), False),
        (requests.HTTPError("without an answer"), True),
        (requests.ConnectionError(), True),
        (requests.Timeout(), True),
        (requests.exceptions.ChunkedEncodingError(), True),
        (ConnectionResetError(), True),
        (ConnectionError("cut off"), True),
        (TimeoutError(), True),
        (OSError(28, "no space"), True),
        (sqlite3.OperationalError("database is locked"), True),
        (TypeError(), False),
        (ValueError(), False),
        (KeyError("a"), False),
        (AttributeError(), False),
        (AssertionError(), False),
        (UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates"), False),
    ],
    ids=repr,
)
def test_what_may_pass_is_told_apart_from_what_is_wrong(error: Exception, passing: bool) -> None:
    assert retry.passing(error) is passing


def test_pauses_grow_while_it_fails_and_are_over_with_the_first_success() -> None:
    backoff = retry.Backoff()
    assert not backoff.waiting
    pauses = []
    for _ in range(3):
        backoff.failed(ConnectionError("away"))
        began = time.monotonic()
        while backoff.waiting:
            time.sleep(0.005)
        pauses.append(time.monotonic() - began)
    for pause, expected in zip(pauses, (0.25, 0.5, 1.0), strict=True):
        assert 0.7 * expected < pause < 1.5 * expected
    for _ in range(20):
        backoff.failed(ConnectionError("away"))
    assert backoff.waiting
    backoff.succeeded()
    assert not backoff.waiting
    assert backoff.reason is None
    backoff.failed(ConnectionError("again"))
    time.sleep(0.4)
    assert not backoff.waiting


def test_pauses_are_never_longer_than_one_can_wait() -> None:
    backoff = retry.Backoff()
    for _ in range(50):
        backoff.failed(ConnectionError())
    latest = time.monotonic() + 1.3 * retry.LONGEST
    assert backoff._until < latest


def test_the_first_failure_says_since_when() -> None:
    backoff, began = retry.Backoff(), time.monotonic()
    backoff.failed(ConnectionError("first"))
    since = backoff.since
    time.sleep(0.05)
    backoff.failed(ValueError("second"))
    assert began <= since == backoff.since
    assert backoff.reason == "ValueError: second"


def test_a_reason_is_one_line_without_a_login() -> None:
    error = MlflowException("API request to http://me:hunter2@host:5000/api failed\nand more")
    assert "hunter2" not in retry.reason(error)
    assert "\n" not in retry.reason(error)
    assert len(retry.reason(ValueError("x" * 1000))) <= 300
    assert retry.reason(ValueError()) == "ValueError: ValueError"
    for position in range(60):  # wherever the text is cut
        said = retry.reason(ValueError("x" * (160 + position // 2) + " http://somebody:hunter2@host:5000/api"))
        assert "hunt" not in said


def test_a_refused_connection_is_said_in_words() -> None:
    with pytest.raises(requests.ConnectionError) as caught:
        requests.get(f"http://127.0.0.1:{free_port()}", timeout=2)
    assert retry.passing(caught.value)
    assert retry.reason(caught.value) == "connection refused"


@pytest.mark.parametrize("made", [None, ""])
def test_an_answer_without_an_id_was_cut_off(made: object) -> None:
    with pytest.raises(ConnectionError):
        retry.answered(made)
    assert retry.answered(7) == "7"


@pytest.fixture
def timeouts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Those with which requests are sent by sessions that were taught."""
    sent: list[Any] = []

    def send(session: requests.Session, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        sent.append(kwargs.get("timeout"))
        response = requests.Response()
        response.status_code = 204
        return response

    monkeypatch.setattr(retry, "_send", send)
    monkeypatch.setattr(requests.Session, "send", requests.Session.send)  # as it is, afterwards
    retry.teach_sessions()
    yield sent
    retry.teach_sessions()


def test_an_answer_to_a_long_body_is_waited_for_by_its_length(timeouts: list[Any], tmp_path: Path) -> None:
    """A server with a bucket stores all of a file before it answers: after 10 s it was sent again, for ever."""

    def put(size: int, timeout: Any = 10) -> Any:
        file = tmp_path / f"{size}.bin"
        with file.open("wb") as stream:
            stream.truncate(size)
        with file.open("rb") as stream:
            requests.put("http://store/file", data=stream, timeout=timeout)
        return timeouts[-1]

    assert put(900_000) == 10
    assert put(2_000_000) == (10, 120)
    assert put(400_000_000) == (10, 410)
    assert put(400_000_000, (5, 600)) == (5, 600)
    assert put(400_000_000, (5, None)) == (5, None)
    assert put(400_000_000, None) is None
    retry.teach_sessions(patience=900)
    assert put(400_000_000) == (10, 900)
    assert put(900_000) == 10
    requests.post("http://store/batch", data=b"x" * 2_000_000, timeout=10)
    assert timeouts[-1] == (10, 900)
    request = requests.Request("PUT", "http://store/file", data=io.BytesIO(b"x" * 3_000_000)).prepare()
    del request.headers["Content-Length"]
    request.headers["Transfer-Encoding"] = "chunked"
    requests.Session().send(request, timeout=10)
    assert timeouts[-1] == (10, 900)


def test_a_large_file_is_stored_by_a_server_that_answers_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(1.5)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    monkeypatch.setattr(requests.Session, "send", requests.Session.send)
    retry.teach_sessions()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Late)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/file"
        assert requests.put(address, data=b"x" * 5_000_000, timeout=0.7).status_code == 200
        with pytest.raises(requests.Timeout):  # a server that hangs is known by what is short
            requests.put(address, data=b"x", timeout=0.7)
    finally:
        server.shutdown()
        server.server_close()


def test_a_file_that_cannot_be_read_is_no_reason_to_give_up(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Is a directory") as caught:
        tmp_path.read_bytes()
    assert retry.passing(caught.value)
