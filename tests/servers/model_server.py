"""A real `mlflow models serve`, for a while."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers.ports import HOST, free_port


@contextmanager
def serving(model_uri: str, folder: Path, store: str = "") -> Iterator[int]:
    """The port of a server of `model_uri`; what it says goes into `folder`."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", model_uri),
        *("--env-manager", "local", "--host", HOST, "--port", str(port)),
    ]
    environment = {
        **os.environ,
        **({"MLFLOW_TRACKING_URI": store} if store else {}),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    said = folder / "serve.log"
    with said.open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"http://{HOST}:{port}/ping", timeout=5) as response:
                    assert response.status == 200
                    break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, said.read_text()
                assert time.monotonic() < deadline, said.read_text()
                time.sleep(0.3)
        yield port
    finally:
        os.killpg(server.pid, 15)  # uvicorn has a process of its own
        server.wait(timeout=20)


def ask(port: int, body: Any) -> Any:
    """The predictions that a server gives for a JSON body."""
    request = urllib.request.Request(
        f"http://{HOST}:{port}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)["predictions"]
