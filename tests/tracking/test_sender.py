"""The direct sender against a real SQLite store."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, INVALID_PARAMETER_VALUE, REQUEST_LIMIT_EXCEEDED

from tfmlflow.tracking.records import Artifact, End, Params, Point, Tags
from tfmlflow.tracking.sender import DirectSender, passing
from tfmlflow.tracking.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of its own."""
    return Store.open(f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}", "sender")


@pytest.fixture
def run_id(store: Store) -> str:
    """A new run."""
    return store.create_run("run", {})


def sender(store: Store, run_id: str) -> DirectSender:
    return DirectSender(store.client, run_id, store.experiment_id)


def test_thousands_of_points_arrive_complete(store: Store, run_id: str) -> None:
    sink = sender(store, run_id)
    for step in range(1, 3501):
        sink.put(Point("batch/loss", 1 / step, step, 1_700_000_000_000 + step))
    assert sink.close(60)
    history = store.client.get_metric_history(run_id, "batch/loss")
    assert [(point.step, point.value) for point in history] == [(step, 1 / step) for step in range(1, 3501)]


def test_a_refused_record_costs_only_itself_and_is_listed(store: Store, run_id: str) -> None:
    sink = sender(store, run_id)
    sink.put(Params({"kept": "1"}))
    assert sink.flush(30)
    sink.put(Params({"kept": "2", "other": "3"}))
    sink.put(Tags({"tag": "x"}))
    sink.put(Point("loss", 1.0, 1, 1))
    sink.put(End("FINISHED"))
    assert sink.close(30)
    run = store.client.get_run(run_id)
    assert run.data.params == {"kept": "1", "other": "3"}
    assert run.data.tags["tag"] == "x"
    assert run.data.metrics["loss"] == 1.0
    assert run.info.status == "FINISHED"
    assert "kept" in run.data.tags["tfmlflow.refused"]


def test_not_a_number_and_infinity_are_stored(store: Store, run_id: str) -> None:
    sink = sender(store, run_id)
    sink.put(Point("loss", float("nan"), 1, 1))
    sink.put(Point("other", float("inf"), 1, 1))
    assert sink.close(30)
    metrics = store.client.get_run(run_id).data.metrics
    assert metrics["loss"] != metrics["loss"]
    assert metrics["other"] > 1e300


def test_a_newer_artifact_of_the_same_name_replaces_the_older(store: Store, run_id: str, tmp_path: Path) -> None:
    sink = sender(store, run_id)
    file = tmp_path / "last.txt"
    for content in ("one", "two"):
        file.write_text(content)
        sink.put(Artifact(file, "checkpoints"))
    assert sink.close(30)
    stored = store.client.download_artifacts(run_id, "checkpoints/last.txt")
    assert Path(stored).read_text() == "two"


def test_a_store_that_takes_nothing_is_given_up_after_the_timeout_and_delivered_to_when_it_does(
    store: Store, run_id: str
) -> None:
    sink = sender(store, run_id)
    other = sqlite3.connect(store.uri.removeprefix("sqlite:///"))
    try:
        other.execute("BEGIN EXCLUSIVE")
        sink.put(Point("loss", 1.0, 1, 1))
        assert not sink.flush(1.5)
        other.rollback()
        assert sink.close(60)
    finally:
        other.close()
    assert store.client.get_run(run_id).data.metrics == {"loss": 1.0}


def test_a_file_that_is_gone_costs_only_itself(store: Store, run_id: str, tmp_path: Path) -> None:
    sink = sender(store, run_id)
    sink.put(Artifact(tmp_path / "nowhere.txt", ""))
    sink.put(Point("loss", 1.0, 1, 1))
    sink.put(End("FINISHED"))
    assert sink.close(30)
    run = store.client.get_run(run_id)
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"loss": 1.0})
    assert "nowhere.txt" in run.data.tags["tfmlflow.refused"]


@pytest.mark.parametrize(
    ("error", "later"),
    [
        (MlflowException("slow down", error_code=REQUEST_LIMIT_EXCEEDED), True),
        (MlflowException("broken", error_code=INTERNAL_ERROR), True),
        (MlflowException("wrong", error_code=INVALID_PARAMETER_VALUE), False),
        (ConnectionError("nobody there"), True),
        (FileNotFoundError("gone"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error: Exception, later: bool) -> None:
    assert passing(error) is later


def test_two_processes_may_open_a_new_store_at_once(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'new.db'}"
    code = f"from tfmlflow.tracking.store import Store; print(Store.open({uri!r}, 'same').experiment_id)"
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    printed = [process.communicate(timeout=180) for process in started]
    assert [process.returncode for process in started] == [0] * 4, printed
    assert len({out.strip().splitlines()[-1] for out, _ in printed}) == 1
