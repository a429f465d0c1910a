"""Answers that were cut off: MLflow takes one that ends within its head for an empty success."""

from __future__ import annotations

from typing import Any

import requests

_send = requests.Session.send


def refuse_cut_answers() -> None:
    """From now on, in this process, an answer without a body, and without a word on how long it should be, is an error.

    MLflow makes its own sessions, so the class itself is taught.
    """
    requests.Session.send = _send_whole  # type: ignore[assignment, method-assign]


def _send_whole(session: requests.Session, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
    response = _send(session, request, **kwargs)
    told = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
    empty_by_right = request.method == "HEAD" or response.status_code in (204, 304)
    if not told and not empty_by_right and not response.content:
        raise requests.ConnectionError("the answer was cut off")
    return response
