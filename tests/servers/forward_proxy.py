"""An HTTP proxy as companies have one: the only way to a server, with a login, redirects and refusals on command."""

from __future__ import annotations

import base64
import http.client
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from tests.servers.ports import HOST

HOP_BY_HOP = ("connection", "keep-alive", "proxy-connection", "transfer-encoding", "host", "content-length")


class ForwardProxy:
    """Takes requests for any host to the server at `upstream_uri`; also asked as if it were that server.

    Args:
        upstream_uri: Of the server.

    Attributes:
        uri: Of the proxy.
        login: `user:password` that requests must have, None: any.
        refuse: Takes method and path, gives a status to be answered instead, or None.
        redirect: Whether every path but those under /moved is redirected there with 308.
        hosts: That were asked for.
    """

    def __init__(self, upstream_uri: str) -> None:
        self.upstream = urlsplit(upstream_uri).netloc
        self.login: str | None = None
        self.refuse: Callable[[str, str], int | None] = lambda method, path: None
        self.redirect = False
        self.hosts: set[str] = set()
        self._server = ThreadingHTTPServer((HOST, 0), _handler(self))
        self.uri = f"http://{HOST}:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(proxy: ForwardProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self) -> None:
            target = urlsplit(self.path)
            path = target.path + (f"?{target.query}" if target.query else "")
            content = self._body()
            proxy.hosts.add(target.netloc or self.headers.get("Host", ""))
            wanted = None if proxy.login is None else f"Basic {base64.b64encode(proxy.login.encode()).decode()}"
            if wanted is not None and self.headers.get("Authorization") != wanted:
                return self._answer(401, {"WWW-Authenticate": "Basic"}, b"who are you?")
            if (status := proxy.refuse(self.command, path)) is not None:
                return self._answer(status, {}, b"refused")
            if proxy.redirect and not path.startswith("/moved"):
                return self._answer(308, {"Location": f"{proxy.uri}/moved{path}"}, b"")
            connection = http.client.HTTPConnection(proxy.upstream, timeout=30)
            kept = {key: value for key, value in self.headers.items() if key.lower() not in HOP_BY_HOP}
            connection.request(self.command, path.removeprefix("/moved"), content or None, kept)
            answer = connection.getresponse()
            body = answer.read()
            headers = {key: value for key, value in answer.getheaders() if key.lower() not in HOP_BY_HOP}
            self._answer(answer.status, headers, body)
            connection.close()

        def _body(self) -> bytes:
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _take

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    return Handler
