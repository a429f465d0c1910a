"""No password in any byte that is left behind, and no file that somebody else may read."""

from __future__ import annotations

import os
import socket
import stat
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

import tfmlflow
from tests.conftest import Command
from tests.servers.mlflow_server import MlflowServer
from tests.servers.ports import free_port
from tests.stores import stop_shippers
from tests.tracking.trainings import artifacts, compiled, examples, fitted, own_store, points

pytestmark = pytest.mark.xdist_group("secrets")  # what is made once for all is made by one worker


@dataclass(frozen=True)
class Secrets:
    """Made anew for each test: words of this file are in the diff of whoever edits it."""

    login: str
    token: str
    key: str

    def leaks(self, *folders: Path) -> dict[str, str]:
        """Files that hold one of them, in name or content."""
        found = {}
        for path in (path for folder in folders for path in folder.rglob("*")):
            content = str(path).encode() + (path.read_bytes() if path.is_file() else b"")
            for secret in (self.login, self.token, self.key):
                for form in (secret.encode(), secret.encode("utf-16-le")):
                    if form in content:
                        place = content.index(form)
                        found[str(path)] = repr(content[max(0, place - 60) : place + 40])
        return found

    def uri(self, port: int) -> str:
        """Of a server that asks for a login."""
        return f"http://user:{self.login}@127.0.0.1:{port}"


@pytest.fixture
def secrets() -> Secrets:
    return Secrets(*(f"hunter-{uuid.uuid4().hex[:12]}" for _ in range(3)))


def test_a_login_is_nowhere_after_a_training(sqlite_server: MlflowServer, tmp_path: Path, secrets: Secrets) -> None:
    with own_store(tmp_path, secrets.uri(sqlite_server.port)):
        callback = fitted(
            compiled(), log_model=True, checkpoint_every=1, register_as="secret", checkpoint_dir=tmp_path / "c"
        )
        run = MlflowClient().get_run(callback.run_id)
        assert run.info.status == "FINISHED"
        assert "checkpoints/index.json" in artifacts(callback.run_id)
    assert secrets.leaks(tmp_path, sqlite_server.folder) == {}


def test_a_token_of_the_environment_is_nowhere_after_a_training(
    sqlite_server: MlflowServer, tmp_path: Path, secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", secrets.token)
    with own_store(tmp_path, sqlite_server.uri):
        callback = fitted(compiled(), checkpoint_every=1)
        assert MlflowClient().get_run(callback.run_id).info.status == "FINISHED"
    assert secrets.leaks(tmp_path, sqlite_server.folder) == {}


def test_a_login_is_not_said_in_an_error(
    tmp_path: Path, secrets: Secrets, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is away, is there but answers nonsense, and comes never."""
    for server in ("nobody", "silent"):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            if server == "silent":
                listener.listen()
            port = listener.getsockname()[1] if server == "silent" else free_port()
            away = tmp_path / server
            away.mkdir()
            monkeypatch.setenv("TFMLFLOW_SPOOL", str(away / "spool"))
            before = mlflow.get_tracking_uri()
            try:
                mlflow.set_tracking_uri(secrets.uri(port))
                callback = fitted(compiled(), drain_timeout=3, checkpoint_every=1, log_model=True)
                assert secrets.login not in callback.session.location
                assert (away / "spool" / "runs" / callback.run_id / "journal").is_file()
            finally:
                mlflow.set_tracking_uri(before)
                stop_shippers(away / "spool")
    assert secrets.leaks(tmp_path) == {}
    assert secrets.login not in caplog.text
    assert "127.0.0.1" in caplog.text


def test_an_exception_with_a_secret_in_it_is_masked(
    sqlite_server: MlflowServer, tmp_path: Path, secrets: Secrets
) -> None:
    class Boom(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise RuntimeError(f"cannot open postgresql://me:{secrets.login}@host/db with password={secrets.key}")

    with own_store(tmp_path, sqlite_server.uri):
        callback = tfmlflow.TrackingCallback(system_metrics=False, checkpoint_every=None)
        with pytest.raises(RuntimeError) as caught:
            compiled().fit(*examples(), verbose=0, callbacks=[callback, Boom()])
        callback._own.fail(caught.value)  # type: ignore[union-attr]
        mlflow.end_run("FAILED")
        run = MlflowClient().get_run(callback.run_id)
        assert run.info.status == "FAILED"
        assert "cannot open" in run.data.tags["tfmlflow.error"]
        assert "traceback.txt" in artifacts(callback.run_id)
    assert secrets.leaks(tmp_path, sqlite_server.folder) == {}


@pytest.mark.slow
def test_secrets_of_the_config_are_nowhere_after_train_py(
    train: Command, tmp_path: Path, sqlite_server: MlflowServer, secrets: Secrets
) -> None:
    done = train(
        *("data=digits", "trainer.epochs=1", f"tracking.uri='{secrets.uri(sqlite_server.port)}'"),
        *("+tracking.tags.api_key=" + secrets.key, "+tracking.tags.db_password=" + secrets.key),
        MLFLOW_TRACKING_TOKEN=secrets.token,
        TFMLFLOW_SPOOL=str(tmp_path / "spool"),
    )
    assert done.returncode == 0, done.stderr
    assert secrets.login not in done.stdout + done.stderr
    assert secrets.key not in done.stdout + done.stderr
    assert secrets.leaks(tmp_path / "spool", sqlite_server.folder) == {}


def test_what_waits_in_the_spool_is_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints, curves, models and texts too, whatever library has written them."""
    monkeypatch.setenv("TFMLFLOW_SPOOL", str(tmp_path / "spool"))
    tracking, mask = mlflow.get_tracking_uri(), os.umask(0o022)
    try:
        mlflow.set_tracking_uri(f"http://127.0.0.1:{free_port()}")
        fitted(compiled(), 2, drain_timeout=1, checkpoint_every=1, log_model=True)
        found = {
            str(path.relative_to(tmp_path)): oct(stat.S_IMODE(path.lstat().st_mode))
            for path in (tmp_path / "spool", *(tmp_path / "spool").rglob("*"))
        }
    finally:
        os.umask(mask)
        mlflow.set_tracking_uri(tracking)
        stop_shippers(tmp_path / "spool")
    assert any(name.endswith(".npz") for name in found)
    assert any(name.endswith("MLmodel") for name in found)
    assert {name: mode for name, mode in found.items() if int(mode, 8) & 0o077} == {}


def test_odd_metric_names_are_stored_under_legal_ones(tmp_path: Path) -> None:
    names = {
        "acc@1": "acc_1",
        "../up": "up",
        "präzision": "präzision",
        "a b": "a b",
        "a//b": "a/b",
        "x" * 400: "x" * 246,
    }

    class Adds(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs.update({f"val_{name}": np.float32(0.25) for name in names})

    with own_store(tmp_path):
        callback = fitted(compiled(), before=[Adds()])
        for stored in names.values():
            assert points(callback.run_id, f"val/{stored}") == [(1, 0.25)]
        assert "tfmlflow.incomplete" not in MlflowClient().get_run(callback.run_id).data.tags
