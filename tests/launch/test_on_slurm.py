"""`tfmlflow launch --on slurm`, by submitit's processes of this machine in place of Slurm's."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import stores
from tests.launch.launched import ended_by_ctrl_c, launched
from tfmlflow.errors import UsageError
from tfmlflow.launch import task
from tfmlflow.launch.member import Member
from tfmlflow.launch.on_slurm import OnSlurm

pytest.importorskip("submitit")
HELLO = "import os, time; print('here', os.environ['WHO'], flush=True); time.sleep({})"


def member(folder: Path, script: str, who: str = "me") -> Member:
    return Member("worker 0", (sys.executable, "-c", script), {"WHO": who}, folder / "output.log")


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    made = OnSlurm(tmp_path, {}, "local")
    yield made
    made.close()


def test_each_has_an_address_and_is_heard_and_its_end_is_known(engine: OnSlurm, tmp_path: Path) -> None:
    addresses = engine.addresses([True, True])
    assert len({one.rpartition(":")[2] for one in addresses}) == 2
    first = engine.start(0, member(tmp_path, HELLO.format(0)))
    second = engine.start(1, member(tmp_path, HELLO.format(60), "you"))
    assert list(first.lines()) == [b"here me\n"]
    assert (first.poll(), second.poll()) == (0, None)
    second.send(signal.SIGTERM)
    assert list(second.lines()) == [b"here you\n"]
    assert second.poll() == -signal.SIGTERM
    again = engine.start(1, member(tmp_path, "raise SystemExit(3)"))  # in the same place
    assert list(again.lines()) == []
    assert again.poll() == 3


def test_a_secret_of_the_environment_is_in_no_file(engine: OnSlurm, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2hunter2")
    engine.addresses([True])
    script = "import os; print(len(os.environ['MLFLOW_TRACKING_PASSWORD']))"
    assert list(engine.start(0, member(tmp_path, script)).lines()) == [b"14\n"]
    orders = [file.read_bytes() for file in tmp_path.rglob("start-*")]
    assert orders
    assert not any(b"hunter2" in order for order in orders)


def test_a_task_that_nobody_launches_any_more_ends_its_process(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(task, "SILENCE", 1.0)
    one = task.Task(tmp_path, 0)
    thread = threading.Thread(target=one.serve)
    (tmp_path / task.ALIVE).touch()
    order = {"command": [sys.executable, "-c", HELLO.format(60)], "variables": {"WHO": "me"}, "folder": str(tmp_path)}
    task.write(one.folder / "start-0", json.dumps(order))
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    time.sleep(0.5)
    children = [one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE]
    assert [one for one in children if "time.sleep(60)" in " ".join(one.cmdline())] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [({"nodes": 2}, "nodes=2: must divide the 3 processes"), ({"no_such": 1}, "--slurm: ")],
)
def test_options_that_cannot_be_are_refused(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    engine = OnSlurm(tmp_path, options, "local")
    try:
        with pytest.raises(UsageError, match=said):
            engine.addresses([True, True, True])
    finally:
        engine.close()


def test_without_slurm_it_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="this machine has no sbatch"):
        OnSlurm(tmp_path, {})


@pytest.mark.slow
@pytest.mark.stress
@pytest.mark.xdist_group("submitit")
def test_a_worker_that_dies_has_all_placed_again_in_the_same_run(tmp_path: Path) -> None:
    with launched(tmp_path, restarts=1, on="submitit_local") as training:
        training.until("epoch 2/4")
        training.placed("worker-1").kill()
        assert training.ended() == 0, training.said
        assert "worker 1 was ended by SIGKILL; all workers were ended" in training.said
        assert "WARNING: going on after epoch" in training.said
    run = stores.only_run(tmp_path)
    assert (run.info.status, run.data.tags["tfmlflow.attempt"]) == ("FINISHED", "2")


@pytest.mark.slow
@pytest.mark.stress
def test_ctrl_c_leaves_no_process_there(tmp_path: Path) -> None:
    with launched(tmp_path, "trainer.epochs=500", on="submitit_local") as training:
        training.until("2/500")
        ended_by_ctrl_c(training, training.placed(""), training.placed("worker-1"))
