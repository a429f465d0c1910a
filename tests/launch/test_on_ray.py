"""`tfmlflow launch --on ray`, on a cluster that is started for it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import stores
from tests.conftest import clean_environment
from tests.launch.launched import ended_by_ctrl_c, launched

pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]
OPTIONS = ("--port=0", "--num-cpus=2", "--node-ip-address=127.0.0.1", "--include-dashboard=false")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables that lead to it."""
    folder = tmp_path_factory.mktemp("ray")
    ray = str(Path(sys.executable).with_name("ray"))
    said = folder / "said"
    process = subprocess.Popen(
        (ray, "start", "--head", *OPTIONS, "--disable-usage-stats", "--block", f"--temp-dir={folder}"),
        stdout=said.open("wb"),
        stderr=subprocess.STDOUT,
        env={**clean_environment(), "RAY_AUTH_MODE": "disabled"},
    )
    try:
        deadline = time.monotonic() + 60
        while "Ray runtime started" not in said.read_text() and time.monotonic() < deadline:
            time.sleep(0.2)
        found = re.search(r"--address='([\w.:]+)", said.read_text())
        assert found is not None, said.read_text()
        yield {"RAY_ADDRESS": found[1], "RAY_AUTH_MODE": "disabled"}
    finally:
        for one in (*psutil.Process(process.pid).children(recursive=True), process):
            one.kill()
        process.wait()


@pytest.mark.stress
def test_a_worker_that_dies_has_all_placed_again_in_the_same_run(tmp_path: Path, cluster: dict[str, str]) -> None:
    with launched(tmp_path, restarts=1, on="ray", **cluster) as training:
        training.until("epoch 2/4")
        training.placed("worker-1").kill()
        assert training.ended() == 0, training.said
        assert "worker 1 was ended by SIGKILL; all workers were ended" in training.said
        assert "all 4 epochs trained" in training.said
        assert "WARNING: going on after epoch" in training.said
    run = stores.only_run(tmp_path)
    assert (run.info.status, run.data.tags["tfmlflow.attempt"]) == ("FINISHED", "2")
    assert run.data.tags["hardware.workers"] == "2"


@pytest.mark.stress
def test_ctrl_c_leaves_no_process_there(tmp_path: Path, cluster: dict[str, str]) -> None:
    with launched(tmp_path, "trainer.epochs=500", on="ray", **cluster) as training:
        training.until("2/500")
        ended_by_ctrl_c(training, training.placed(""), training.placed("worker-1"))


def test_what_has_no_room_is_refused(tmp_path: Path, cluster: dict[str, str], monkeypatch: Any) -> None:
    from tfmlflow.errors import UsageError
    from tfmlflow.launch import on_ray

    for name, value in cluster.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(on_ray, "ROOM", 30.0)
    engine = on_ray.OnRay()
    try:
        with pytest.raises(UsageError, match="has room for 2 of 3 processes within 30 s"):
            engine.addresses([True, True, True])
        assert len(engine.addresses([False, True, False, True])) == 4  # a chief and a server take no CPU
    finally:
        engine.close()


def test_without_a_cluster_it_is_refused(tmp_path: Path) -> None:
    with launched(tmp_path, on="ray", RAY_ADDRESS="127.0.0.1:1", RAY_AUTH_MODE="disabled") as training:
        assert training.ended() == 2
        assert (
            "no cluster answers; begin one by `ray start --head`, or name one that runs in RAY_ADDRESS, which is"
            in training.said
        )
