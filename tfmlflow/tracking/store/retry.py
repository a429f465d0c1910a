"""A store that cannot be reached just now, told apart from a record that it refuses."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import requests
from mlflow.exceptions import MlflowException
from requests import HTTPError, RequestException
from requests import Timeout as RequestTimeout
from requests.exceptions import RetryError
from requests.utils import super_len

from tfmlflow.masking import masked_text

SHORTEST, LONGEST = 0.25, 5.0  # seconds between two attempts
LONG = 1_000_000  # bytes of a body that a server may need time to store
STORED, BESIDE = 120.0, 10.0  # seconds for the answer to one: at least, and beside those that storing it takes
SLOWEST = 1e6  # bytes a second at which it is stored
UNKNOWN = (401, 403)  # the store does not know who is asking


def passing(error: Exception) -> bool:
    """Whether the same request may succeed later: the store is away, busy or broken, but the record is not wrong."""
    if isinstance(error, MlflowException):
        status = int(error.get_http_status_code())
        if "Invalid artifact path" in str(error) or isinstance(error.__cause__ or error.__context__, UnicodeError):
            return False  # MLflow calls it an internal error
        absent = error.error_code == "ENDPOINT_NOT_FOUND"  # something else answers at this address
        return status >= 500 or status in (408, 429, *UNKNOWN) or absent
    if isinstance(error, HTTPError) and error.response is not None:  # of artifacts, by requests
        return error.response.status_code >= 500 or error.response.status_code in (408, 429, *UNKNOWN)
    if isinstance(error, RequestException):
        return True
    return not isinstance(error, TypeError | ValueError | KeyError | AttributeError | AssertionError)


def reason(error: BaseException) -> str:
    """One line that says why, without a login in it."""
    for cause in _chain(error):
        if isinstance(cause, RequestTimeout):
            return "no answer in time"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        if isinstance(cause, RetryError):
            return f"the server answers with errors ({str(cause).rpartition('(Caused by ')[2][:100].rstrip(')')})"
    text = str(error).strip() or type(error).__name__
    return masked_text(f"{type(error).__name__}: {text.splitlines()[0]}")[:200]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        nested = [part for part in error.args if isinstance(part, BaseException)]
        inner = getattr(nested[0], "reason", None) if nested else None
        error = inner if isinstance(inner, BaseException) else error.__cause__ or error.__context__


def answered(made: object) -> str:
    """An id out of an answer; one that was cut off after its first line reads as success, without an id."""
    if not made:
        raise ConnectionError("the store's answer was cut off")
    return str(made)


_send = requests.Session.send
_patience = 0.0


def teach_sessions(patience: float = 0.0) -> None:
    """Let MLflow's requests of this process take account of long bodies, and of answers that were cut off.

    A server with a bucket stores the whole of a file before it answers, so a request waits the longer the more it
    sends. An answer without a body, and without a word on how long it should be, is an error: MLflow takes one that
    ends within its head for an empty success. It makes its own sessions, so the class is taught.

    Args:
        patience: Seconds that somebody has said an answer may take, for those that need more than we give them.
    """
    global _patience
    _patience = patience
    requests.Session.send = _send_carefully  # type: ignore[assignment, method-assign]


def _send_carefully(session: requests.Session, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
    if (length := _length(request)) > LONG:
        kwargs["timeout"] = _longer(kwargs.get("timeout"), max(STORED, BESIDE + length / SLOWEST, _patience))
    response = _send(session, request, **kwargs)
    told = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
    empty_by_right = request.method == "HEAD" or response.status_code in (204, 304)
    if not told and not empty_by_right and not response.content:
        raise requests.ConnectionError("the answer was cut off")
    return response


def _length(request: requests.PreparedRequest) -> int:
    """Bytes of a request's body, as far as it can be told before it is sent."""
    told = request.headers.get("Content-Length") if request.headers is not None else None
    if told is not None and told.isdigit():
        return int(told)
    return int(super_len(request.body)) if request.body is not None else 0


def _longer(timeout: Any, least: float) -> Any:
    """A timeout, as requests take it, with at least so many seconds for the answer."""
    if isinstance(timeout, int | float):
        return timeout, max(timeout, least)
    if isinstance(timeout, tuple) and timeout[1] is not None:
        return timeout[0], max(timeout[1], least)
    return timeout  # as long as it takes


def absent(error: BaseException) -> bool:
    """Whether the store says that there is no such place."""
    if isinstance(error, MlflowException):
        return int(error.get_http_status_code()) == 404
    return getattr(getattr(error, "response", None), "status_code", None) == 404


def login_refused(error: BaseException) -> bool:
    """Whether the store does not know who is asking, or does not let them: waiting alone does not help."""
    if isinstance(error, MlflowException):
        return int(error.get_http_status_code()) in UNKNOWN
    response = getattr(error, "response", None)
    return response is not None and getattr(response, "status_code", None) in UNKNOWN


class Backoff:
    """Growing pauses after failures, none after a success.

    Attributes:
        reason: Of the last failure, None while all is well.
        since: When the failures began, by `time.monotonic`.
        login: Whether the last failure was a login that was refused.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self.since = 0.0
        self.login = False
        self._pause, self._failed_at, self._until = SHORTEST, 0.0, 0.0

    @property
    def waiting(self) -> bool:
        """Whether it is too early for the next attempt."""
        return time.monotonic() < self._until

    def waits_for(self, longest: float) -> bool:
        """As `waiting`, with pauses of at most `longest` seconds."""
        return time.monotonic() < min(self._until, self._failed_at + longest)

    @property
    def lasted(self) -> float:
        """Seconds since the failures began; 0 while all is well."""
        return 0.0 if self.reason is None else time.monotonic() - self.since

    def failed(self, error: BaseException, longest: float | None = None) -> None:
        """Note a failure; `longest`: seconds of the longest pause, of a store that is away by default."""
        now = time.monotonic()
        login = login_refused(error)
        if self.reason is None or login != self.login:
            self.since = now
        self.reason, self.login = reason(error), login
        self._failed_at, self._until = now, now + self._pause * random.uniform(0.75, 1.25)
        self._pause = min(2 * self._pause, LONGEST if longest is None else longest)

    def succeeded(self) -> None:
        """Note that the store answers."""
        self.reason, self.login, self._pause, self._until = None, False, SHORTEST, 0.0
