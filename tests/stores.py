"""Looking into the store of a folder, as the MLflow UI would."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import signal
import sqlite3
import tempfile
import time
from pathlib import Path

import psutil
from mlflow import MlflowClient
from mlflow.entities import Run


@functools.cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tfmlflow-test-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    client(folder).search_experiments()
    return folder / "mlflow.db"


def ready(folder: Path) -> str:
    """Put a SQLite store into a folder, to make which takes MLflow two seconds; its address."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_template(), folder / "mlflow.db")
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        database.execute("UPDATE experiments SET artifact_location = ?", (str(folder / "artifacts"),))
    return f"sqlite:///{folder / 'mlflow.db'}"


def client(folder: Path) -> MlflowClient:
    """Of the SQLite store in `folder`."""
    return MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")


def runs(folder: Path) -> list[Run]:
    """All active runs, oldest first."""
    store = client(folder)
    ids = [experiment.experiment_id for experiment in store.search_experiments()]
    return list(store.search_runs(ids, order_by=["attributes.start_time ASC"]))


def jobs(folder: Path) -> list[Run]:
    """The runs of a sweep's jobs, oldest first."""
    return [run for run in runs(folder) if "mlflow.parentRunId" in run.data.tags]


def sweep(folder: Path) -> Run:
    """The run of the one sweep."""
    (run,) = [run for run in runs(folder) if run.data.tags.get("tfmlflow.sweep_parent") == "true"]
    return run


def only_run(folder: Path) -> Run:
    """The one run that is there."""
    (run,) = runs(folder)
    return run


def files(folder: Path, run_id: str, path: str = "") -> set[str]:
    """Every artifact of a run, by its path."""
    found: set[str] = set()
    for entry in client(folder).list_artifacts(run_id, path):
        found |= files(folder, run_id, entry.path) if entry.is_dir else {entry.path}
    return found


def stop_shippers(spool: Path) -> None:
    """End the shippers of a spool whose store is away: they would wait for it for a day.

    Those too that have not said yet that they are there, since they wait for their store's first answer.
    """
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if {"tfmlflow.tracking.shipper", str(spool)} <= set(process.cmdline()):
                process.terminate()


def text(folder: Path, run_id: str, path: str) -> str:
    """Content of an artifact."""
    return Path(client(folder).download_artifacts(run_id, path)).read_text()


def stop(pid: int, database: Path) -> None:
    """Stop a process that writes to an SQLite file, at a moment at which it holds no lock on it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.05)
        with contextlib.closing(sqlite3.connect(database, timeout=0.2, isolation_level=None)) as store:
            try:
                store.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError:
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.1)
                continue
            store.execute("ROLLBACK")
            return
    raise AssertionError(f"process {pid} holds a lock on {database} all the time")
