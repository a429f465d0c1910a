"""The real servers start, serve, die, halt and come back; nothing of them outlives the tests."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import requests
import sqlalchemy
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tests.chaos.script import eventually
from tests.conftest import ROOT
from tests.servers.fault_proxy import FaultProxy
from tests.servers.mlflow_server import MlflowServer
from tests.servers.ports import is_listening
from tests.servers.postgres import Postgres

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("servers")]


@pytest.fixture(params=["sqlite_server", "postgres_server"])
def server(request: pytest.FixtureRequest) -> MlflowServer:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's client gives up at once."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "3")


def a_run(uri: str) -> tuple[MlflowClient, str]:
    client = MlflowClient(uri)
    return client, client.create_run("0").info.run_id


def test_serves_metrics_and_artifacts_through_the_proxy(server: MlflowServer, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("kept")
    with FaultProxy(server.uri) as proxy:
        client, run = a_run(proxy.uri)
        client.log_metric(run, "loss", 0.5, step=3)
        client.log_artifact(run, str(tmp_path / "note.txt"))
        assert MlflowClient(server.uri).get_run(run).data.metrics == {"loss": 0.5}
        assert [entry.path for entry in client.list_artifacts(run)] == ["note.txt"]
        assert Path(client.download_artifacts(run, "note.txt", str(tmp_path))).read_text() == "kept"
    assert list((server.folder / "artifacts").rglob("note.txt"))
    assert ("POST", "/api/2.0/mlflow/runs/log-metric", "pass") in proxy.requests
    assert any(method == "PUT" and path.endswith("note.txt") for method, path, _ in proxy.requests)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("mode", ["half", "drop_answer"])
def test_effect_without_an_answer(server: MlflowServer, mode: str) -> None:
    with FaultProxy(server.uri) as proxy:
        client, run = a_run(proxy.uri)
        proxy.mode = mode
        with pytest.raises(MlflowException):
            client.log_metric(run, "loss", 0.5)
        assert MlflowClient(server.uri).get_run(run).data.metrics == {"loss": 0.5}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("mode", ["refuse", "hang", "error500", "error429", "error503"])
def test_neither_effect_nor_answer(sqlite_server: MlflowServer, mode: str) -> None:
    with FaultProxy(sqlite_server.uri) as proxy:
        client, run = a_run(proxy.uri)
        proxy.mode = mode
        with pytest.raises(MlflowException):
            client.log_metric(run, "loss", 0.5)
        proxy.mode = "pass"
        assert client.get_run(run).data.metrics == {}


@pytest.mark.stress
def test_killed_and_started_again_with_the_same_store(server: MlflowServer) -> None:
    client, run = a_run(server.uri)
    client.log_metric(run, "loss", 0.5)
    server.kill()
    assert not is_listening(server.port)
    server.start()
    assert client.get_run(run).data.metrics == {"loss": 0.5}


def test_paused_and_resumed(sqlite_server: MlflowServer) -> None:
    client, run = a_run(sqlite_server.uri)
    sqlite_server.pause()
    release = threading.Timer(1.0, sqlite_server.resume)
    try:
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{sqlite_server.uri}/health", timeout=0.5)
        release.start()
        start = time.monotonic()
        client.log_metric(run, "loss", 0.5)
        assert time.monotonic() - start > 0.5
    finally:
        sqlite_server.resume()
    assert client.get_run(run).data.metrics == {"loss": 0.5}


@pytest.mark.stress
def test_paused_server_can_be_stopped(tmp_path: Path) -> None:
    with MlflowServer(tmp_path, f"sqlite:///{tmp_path / 'mlflow.db'}") as server:
        server.pause()
    assert not is_listening(server.port)


def test_server_that_cannot_start_tells_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)ended with .*nosuch"):
        MlflowServer(tmp_path, "nosuch://store").start()


def test_postgres_keeps_databases_over_a_restart(postgres: Postgres) -> None:
    engine = sqlalchemy.create_engine(postgres.create_database("kept"))
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE numbers AS SELECT 7 AS number"))
    engine.dispose()
    postgres.stop()
    assert not is_listening(postgres.port)
    postgres.start()
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT number FROM numbers")).scalar() == 7
    engine.dispose()


PROGRAM = """
import sys, time
from pathlib import Path
from tests.servers.process import ServerProcess

ServerProcess(["sh", "-c", "sleep 60 & sleep 60"], Path(sys.argv[1]) / "log")
print("started", flush=True)
time.sleep(60)
"""


def test_servers_do_not_outlive_a_killed_test_process(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "started\n"
        family = psutil.Process(program.pid)
        eventually(lambda: len(family.children(recursive=True)) >= 3, 30)  # the shell may not have begun yet
        children = family.children(recursive=True)
        program.send_signal(signal.SIGKILL)
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE], gone
