"""As much of HTTP/1.1 as a proxy needs: heads are read, bodies pass through in pieces as they are."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

PIECE = 64 * 1024


class Gone(ConnectionError):
    """The other side closed in the middle of a message."""


@dataclass(frozen=True)
class Head:
    """First line and headers of a request or an answer."""

    first: str
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, stream: IO[bytes]) -> Head | None:
        """The next head, `None` where the other side has closed before one began."""
        lines: list[str] = []
        while (line := stream.readline(PIECE)) not in (b"\r\n", b"\n"):
            if not line.endswith(b"\n"):
                if lines or line:
                    raise Gone
                return None
            lines.append(line.decode("latin-1").strip())
        if not lines:
            raise Gone
        pairs = (line.partition(":") for line in lines[1:])
        return cls(lines[0], tuple((name.strip(), value.strip()) for name, _, value in pairs))

    def get(self, name: str) -> str:
        """A header in small letters, empty without one."""
        return next((value.lower() for key, value in self.headers if key.lower() == name), "")

    def closing(self) -> Head:
        """The same, for a connection that ends after this message."""
        return Head(self.first, (*self._without("connection", "keep-alive", "expect"), ("Connection", "close")))

    def keeping(self) -> Head:
        """The same, saying nothing about the connection."""
        return Head(self.first, self._without("connection", "keep-alive"))

    def __bytes__(self) -> bytes:
        lines = (self.first, *(f"{name}: {value}" for name, value in self.headers))
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1")

    def _without(self, *names: str) -> tuple[tuple[str, str], ...]:
        return tuple(pair for pair in self.headers if pair[0].lower() not in names)


def has_length(head: Head) -> bool:
    """Whether the head says where its body ends."""
    return bool(head.get("content-length")) or "chunked" in head.get("transfer-encoding")


def body(stream: IO[bytes], head: Head) -> Iterator[bytes]:
    """The body in pieces, chunks with their framing; nothing where the head names no length."""
    if "chunked" in head.get("transfer-encoding"):
        yield from _chunks(stream)
    elif length := head.get("content-length"):
        yield from _exactly(stream, int(length))


def until_closed(stream: IO[bytes]) -> Iterator[bytes]:
    """All that comes."""
    return iter(lambda: stream.read1(PIECE), b"")  # type: ignore[attr-defined]


def _exactly(stream: IO[bytes], size: int) -> Iterator[bytes]:
    while size:
        piece = stream.read1(min(size, PIECE))  # type: ignore[attr-defined]
        if not piece:
            raise Gone
        size -= len(piece)
        yield piece


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while True:
        line = _line(stream)
        yield line
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        yield from _exactly(stream, size)
        yield _line(stream)
    while True:
        line = _line(stream)
        yield line
        if line in (b"\r\n", b"\n"):
            return


def _line(stream: IO[bytes]) -> bytes:
    line = stream.readline(PIECE)
    if not line.endswith(b"\n"):
        raise Gone
    return line


def reset_at_close(connection: socket.socket) -> None:
    """It will end with RST, as with a server that died, not in an orderly way."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def shut(connection: socket.socket) -> None:
    """Wakes whoever reads from the connection or listens on it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def is_gone(connection: socket.socket) -> bool:
    """Whether the other side has closed; takes nothing from the connection."""
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
