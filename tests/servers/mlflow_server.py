"""The real `mlflow server`, which dies, halts and comes back on command."""

from __future__ import annotations

import signal
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

from tests.conftest import clean_environment
from tests.servers.ports import HOST, free_port, is_listening
from tests.servers.process import ServerProcess


class MlflowServer:
    """Serves the store at `backend_uri`, artifacts under `folder`, its log in folder/server.log."""

    def __init__(self, folder: Path, backend_uri: str, port: int | None = None) -> None:
        self.folder = folder
        self.backend_uri = backend_uri
        self.port = port or free_port()
        self.uri = f"http://{HOST}:{self.port}"
        self._process: ServerProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when it answers; after `kill` or `stop` on the same port, with the same store."""
        if self._process is not None:
            raise RuntimeError(f"already runs at {self.uri}")
        self._process = ServerProcess(
            self._command(),
            self.folder / "server.log",
            environment=clean_environment() | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )
        self._process.wait_until(self._is_healthy)

    def stop(self) -> None:
        """As an operator stops it; requests it has taken are answered."""
        if self._process is not None:
            self._process.stop()
            self._gone()

    def kill(self) -> None:
        """All of its processes at once; connections to it are reset."""
        if self._process is not None:
            self._process.kill()
            self._gone()

    def pause(self) -> None:
        """Connections are accepted by the system, nothing is answered."""
        self._running().send(signal.SIGSTOP)

    def resume(self) -> None:
        """Goes on where it was paused, with the requests that came meanwhile."""
        self._running().send(signal.SIGCONT)

    def _running(self) -> ServerProcess:
        if self._process is None:
            raise RuntimeError("the server does not run")
        return self._process

    def _gone(self) -> None:
        """The port is free again, with the last process of the group."""
        self._process = None
        deadline = time.monotonic() + 10
        while is_listening(self.port):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.uri} still answers")
            time.sleep(0.01)

    def _command(self) -> list[str]:
        options = {
            "--backend-store-uri": self.backend_uri,
            "--artifacts-destination": str(self.folder / "artifacts"),
            "--host": HOST,
            "--port": str(self.port),
            "--workers": "1",
        }
        return [sys.executable, "-m", "mlflow", "server", *(word for pair in options.items() for word in pair)]

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False
