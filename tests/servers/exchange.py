"""One request of a client: taken to the server, and its answer brought back whole, in half or not at all."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import IO

from tests.servers.wire import Gone, Head, body, has_length, until_closed

ERRORS = {
    "error401": "401 Unauthorized",
    "error429": "429 Too Many Requests",
    "error500": "500 Internal Server Error",
    "error503": "503 Unavailable",
}


def refuse(client: socket.socket, mode: str) -> None:
    """An answer of the proxy's own, in the words of MLflow."""
    text = json.dumps({"error_code": "TEMPORARILY_UNAVAILABLE", "message": f"fault injected: {mode}"}).encode()
    later = "Retry-After: 1\r\n" if mode == "error429" else ""
    head = f"HTTP/1.1 {ERRORS[mode]}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n{later}\r\n"
    client.sendall(head.encode() + text)


def send(server: socket.socket, request: Head, pieces: Iterator[bytes]) -> None:
    """The whole request; a server that answers before its end gets no more of it."""
    with contextlib.suppress(ConnectionError):
        server.sendall(bytes(request.closing()))
    for piece in pieces:  # a client that vanishes here leaves the server with half a request
        with contextlib.suppress(ConnectionError):
            server.sendall(piece)


def receive(answers: IO[bytes], request: Head) -> tuple[Head, Iterator[bytes]]:
    """Head and body of the answer."""
    head = Head.read(answers)
    if head is None:
        raise Gone
    if request.first.startswith("HEAD ") or head.first[9:12] in ("204", "304"):
        return head, iter(())
    return head, body(answers, head) if has_length(head) else until_closed(answers)


def stays_open(request: Head, answer: Head) -> bool:
    """Whether the client may send its next request on the same connection."""
    bodiless = request.first.startswith("HEAD ") or answer.first[9:12] in ("204", "304")
    asked_to_close = request.get("connection") == "close" or request.first.endswith("/1.0")
    return not asked_to_close and (bodiless or has_length(answer))


def first_half(head: Head, content: bytes) -> bytes:
    """The head and half of the body; without a body, half of the head."""
    start = bytes(head)
    return start + content[: len(content) // 2] if content else start[: len(start) // 2]
