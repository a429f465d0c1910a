"""A network between client and server that fails on command."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import IO, Self
from urllib.parse import urlsplit

from tests.servers import exchange
from tests.servers.ports import HOST, free_port, listen
from tests.servers.wire import Head, body, is_gone, reset_at_close, shut

MODES = ("pass", "refuse", "hang", "half", "drop_answer", "slow", *exchange.ERRORS)
Schedule = Callable[[int, str, str], str]


class FaultProxy:
    """Stands before the server at `upstream_uri`; each new request meets the `mode` of its moment.

    pass         taken to the server, answer brought back
    refuse       nobody listens: connection refused; another mode opens the same port again
    hang         read, not answered before `mode` is assigned again, and then treated as that one says
    error401, error429, error500, error503    answered by the proxy, 429 with Retry-After: 1; no effect
    half         takes effect at the server; the connection ends after half of the answer
    drop_answer  takes effect at the server; the connection ends without an answer
    slow         passed on after `delay` seconds

    While the mode is "pass", a `schedule` decides from a request's number, method and path; its "refuse" is a
    connection that ends with a reset. `requests` holds method, path without query, and mode of each.
    """

    def __init__(self, upstream_uri: str, schedule: Schedule | None = None, delay: float = 2.0) -> None:
        self.upstream_uri = upstream_uri
        self.schedule = schedule
        self.delay = delay
        self.requests: list[tuple[str, str, str]] = []
        self.port = free_port()
        self.uri = f"http://{HOST}:{self.port}"
        self._mode = "pass"
        self._assigned = 0
        self._changed = threading.Condition(threading.RLock())
        self._closed = threading.Event()
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._idle: set[socket.socket] = set()
        self._answering: set[socket.socket] = set()

    def __enter__(self) -> Self:
        with self._changed:
            self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed.set()
            self._deafen(self._open)

    @property
    def upstream_uri(self) -> str:
        """The server; another one can take its place."""
        return f"http://{self._upstream[0]}:{self._upstream[1]}"

    @upstream_uri.setter
    def upstream_uri(self, uri: str) -> None:
        address = urlsplit(uri)
        self._upstream = (address.hostname or HOST, address.port or 80)

    @property
    def mode(self) -> str:
        """What happens to requests."""
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        if mode not in MODES:
            raise ValueError(f"no mode {mode!r}; there are {', '.join(MODES)}")
        with self._changed:
            self._mode = mode
            self._assigned += 1
            if mode == "refuse":
                # A client that has its answer is to find the connection closed, not to meet a reset on it.
                self._changed.wait_for(lambda: not self._answering, timeout=1)
                self._deafen(self._idle)
            else:
                self._listen()
            self._changed.notify_all()

    def _listen(self) -> None:
        if self._listener is None and not self._closed.is_set():
            self._listener = listen(self.port)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _deafen(self, connections: set[socket.socket]) -> None:
        if self._listener is not None:
            shut(self._listener)  # a close alone leaves it open as long as a thread waits in accept
            self._listener.close()
            self._listener = None
        for connection in connections:
            shut(connection)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # A client or a server that vanishes, or speaks no HTTP, ends the connection and nothing else.
        with contextlib.suppress(OSError, ValueError), client, self._known(client), client.makefile("rb") as stream:
            while (request := self._next(client, stream)) and self._handle(client, stream, request):
                pass

    @contextlib.contextmanager
    def _known(self, connection: socket.socket) -> Iterator[None]:
        """While it is open the proxy can end it."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._changed:
            self._open.add(connection)
            if self._closed.is_set():
                shut(connection)
        try:
            yield
        finally:
            with self._changed:
                self._open.discard(connection)
                self._answering.discard(connection)
                self._changed.notify_all()

    def _next(self, client: socket.socket, stream: IO[bytes]) -> Head | None:
        with self._changed:
            self._idle.add(client)
            self._answering.discard(client)
            self._changed.notify_all()
            if self._mode == "refuse":
                shut(client)
        try:
            return Head.read(stream)
        finally:
            with self._changed:
                self._idle.discard(client)

    def _answers(self, client: socket.socket) -> None:
        with self._changed:
            self._answering.add(client)

    def _choose(self, method: str, path: str) -> str:
        with self._changed:
            mode = self._mode
            if mode == "pass" and self.schedule is not None:
                mode = self.schedule(len(self.requests), method, path)
                if mode not in MODES:
                    raise RuntimeError(f"the schedule names no mode: {mode!r}")
            self.requests.append((method, path, mode))
            return mode

    def _handle(self, client: socket.socket, stream: IO[bytes], request: Head) -> bool:
        """One request; says whether the connection can take another."""
        method, target, _ = request.first.split(" ")
        mode = self._choose(method, urlsplit(target).path)
        pieces = body(stream, request)
        if mode != "refuse" and request.get("expect") == "100-continue":
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if mode == "hang":
            pieces = iter(list(pieces))
            mode = self._hang(client)
        if mode == "refuse":
            reset_at_close(client)
            return False
        if mode in exchange.ERRORS:
            for _ in pieces:
                pass
            self._answers(client)
            exchange.refuse(client, mode)
            return True
        if mode == "slow":
            self._closed.wait(self.delay)
        return self._forward(client, request, pieces, mode)

    def _hang(self, client: socket.socket) -> str:
        with self._changed:
            assigned = self._assigned
            while not (given_up := is_gone(client)) and (self._assigned == assigned or self._mode == "hang"):
                self._changed.wait(0.05)
            if given_up:
                raise ConnectionError("the client gave up: its request must not take effect later")
            return self._mode

    def _forward(self, client: socket.socket, request: Head, pieces: Iterator[bytes], mode: str) -> bool:
        with socket.create_connection(self._upstream) as server, self._known(server), server.makefile("rb") as answers:
            exchange.send(server, request, pieces)
            answer, content = exchange.receive(answers, request)
            if mode in ("half", "drop_answer"):
                whole = b"".join(content)
                if mode == "half":
                    client.sendall(exchange.first_half(answer, whole))
                return False
            open_after = exchange.stays_open(request, answer)
            self._answers(client)
            client.sendall(bytes(answer.keeping() if open_after else answer.closing()))
            for piece in content:
                client.sendall(piece)
            return open_after
