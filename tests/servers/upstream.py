"""A server of a few lines to stand behind the proxy; remembers what reached it."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from tests.servers.ports import HOST


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        content = self._content()
        self.server.seen.append((self.command, self.path, content))  # type: ignore[attr-defined]
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n")
        elif self.path == "/endless":
            self.end_headers()
            self.wfile.write(b"until closed")
            self.close_connection = True
        else:
            answer = b"" if self.path == "/empty" else f"{len(content)} bytes came".encode()
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    def _content(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self._exactly(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self._exactly(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _exactly(self, size: int) -> bytes:
        content = self.rfile.read(size)
        if len(content) < size:
            raise ConnectionError("half a request")
        return content

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class Upstream:
    """`seen` holds method, path and body of each request, in the order of their ends."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer((HOST, 0), _Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.seen: list[tuple[str, str, bytes]] = []
        self._server.seen = self.seen  # type: ignore[attr-defined]
        self.uri = f"http://{HOST}:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
