"""A server of a stored model: started, waited for, and ended with all of its processes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections import deque
from pathlib import Path

from tfmlflow.errors import JobFailed, UsageError
from tfmlflow.launch.local import Process

PATIENCE = 180.0  # seconds until it must answer
GRACE = 5.0  # seconds between SIGTERM and SIGKILL


def require_free(host: str, port: int) -> None:
    """Refuse a port that somebody uses, or that may not be used.

    Raises:
        UsageError: Says so.
    """
    try:
        with contextlib.closing(socket.create_server((host, port))):
            pass
    except socket.gaierror:
        raise UsageError(f"--host {host}: is no address of this machine, such as 127.0.0.1 or 0.0.0.0") from None
    except OSError as error:
        reason = "is in use" if error.errno == 98 else f"cannot be used ({error.strerror})"
        raise UsageError(f"--port {port}: {reason} on {host}; --port names another, such as {port + 1}") from None


class Server:
    """`mlflow models serve`, in a session of its own.

    Args:
        folder: Of the model.
        host, port: Where it listens.
    """

    def __init__(self, folder: Path, host: str, port: int) -> None:
        command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(folder)]
        where = ["--env-manager", "local", "--host", host, "--port", str(port)]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # it calls uvicorn by its name
        self._said, self._shown = deque[str](maxlen=40), False
        self._process = Process([*command, *where], {"PATH": path, "PYTHONUNBUFFERED": "1"})
        self._url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def url(self) -> str:
        """Of the server, as seen from this machine."""
        return self._url

    def wait_until_up(self) -> None:
        """Until it answers.

        Raises:
            JobFailed: It has ended, or does not answer; what it has said was printed.
        """
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if (code := self._process.poll()) is not None or time.monotonic() > deadline:
                self._reader.join(2.0)
                print("\n".join(self._said), file=sys.stderr)
                why = f"ended with code {code}" if code is not None else f"does not answer after {PATIENCE:.0f} s"
                raise JobFailed(f"the server {why}; what it said stands above")
            time.sleep(0.2)
        self._shown = True

    def wait(self) -> int:
        """Until it ends by itself; its exit code."""
        while (code := self._process.poll()) is None:
            time.sleep(0.2)
        return code

    def end(self) -> None:
        """End all of its processes, and wait until they are gone."""
        self._shown = False
        for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
            self._process.send_group(number)  # the server is a child of what was started, and may outlive it
            deadline = time.monotonic() + patience
            while (self._process.poll() is None or self._answers()) and time.monotonic() < deadline:
                time.sleep(0.05)
        self._reader.join(2.0)

    def _answers(self) -> bool:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it is this machine
        with contextlib.suppress(OSError), direct.open(f"{self._url}/ping", timeout=2) as response:
            return bool(response.status == 200)
        return False

    def _read(self) -> None:
        for line in self._process.lines():
            text = line.decode(errors="replace").rstrip()
            self._said.append(text)
            if self._shown:
                print(text, file=sys.stderr, flush=True)
