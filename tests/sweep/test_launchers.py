"""The launchers that others have made: the same sweep, the same truth about it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.chaos.script import eventually
from tests.sweep import typed

NewStore = Callable[[Path], Path]
pytestmark = pytest.mark.slow


def need(package: str) -> None:
    """In CI it must be there."""
    if importlib.util.find_spec(package) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{package} is not installed")
        pytest.skip(f"{package} is not installed")


@pytest.mark.parametrize(
    ("package", "launcher"),
    [
        pytest.param(
            *("hydra_plugins.hydra_joblib_launcher", ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")),
            marks=pytest.mark.stress,
        ),
        pytest.param(
            *("hydra_plugins.hydra_submitit_launcher", ("hydra/launcher=submitit_local",)),
            marks=pytest.mark.stress,
        ),
    ],
    ids=["joblib", "submitit"],
)
def test_jobs_of_a_launcher_are_children_of_one_run_and_failures_are_told(
    tmp_path: Path, new_store: NewStore, package: str, launcher: tuple[str, ...]
) -> None:
    need(package)
    folder = new_store(tmp_path / "sweep")
    (folder / "mine.py").write_text(typed.MINE)
    (folder / "go").touch()
    words = (*typed.OWN, "+model.width=2,3", "trainer.epochs=1", *launcher)
    said = typed.swept(folder, *words, code=1, PYTHONPATH=str(folder))
    assert [typed.ends(run) for run in typed.children(folder)] == [("FAILED", "error"), ("FINISHED", "completed")]
    whole = typed.parent(folder)
    assert typed.ends(whole) == ("FAILED", "error")
    assert (whole.data.metrics["sweep/finished"], whole.data.metrics["sweep/failed"]) == (1, 1)
    table = typed.leaderboard(folder)
    assert [(row["job"], row["status"]) for row in table] == [("1", "FINISHED"), ("0", "FAILED")]
    assert "width 2 is unlucky" in table[1]["error"]
    assert set(typed.jobs_said(said)) == {0, 1}
    assert "width 2 is unlucky" in typed.jobs_said(said)[0]
    eventually(lambda: not typed.at_work(folder), 60, lambda: typed.at_work(folder))


@pytest.mark.stress
def test_a_ray_worker_that_dies_costs_no_more_than_its_job(tmp_path: Path, new_store: NewStore) -> None:
    """Ray runs it again by itself: one run that was killed, and one that has finished in its place."""
    need("hydra_plugins.hydra_ray_launcher")
    need("ray")
    folder = new_store(tmp_path / "sweep")
    (folder / "mine.py").write_text(typed.MINE)
    words = (*typed.OWN, "+model.width=1,3", "trainer.epochs=2", "hydra/launcher=ray")
    with typed.sweep(
        folder, *words, "+hydra.launcher.ray.init.num_cpus=2", PYTHONPATH=str(folder), RAY_DISABLE_IMPORT_WARNING="1"
    ) as script:
        eventually(
            lambda: len(list(folder.glob("waiting *"))) == 2,
            *(240, lambda: script.said + script.errors, lambda: script.process.poll() is not None),
        )
        at_work = [child for child in psutil.Process(script.process.pid).children(recursive=True) if is_job(child)]
        assert len(at_work) == 2
        at_work[0].kill()
        (folder / "go").touch()
        assert script.ended(timeout=240) == 0, script.said + script.errors
        eventually(lambda: all(typed.ends(run)[0] != "RUNNING" for run in typed.children(folder)), 60)
    jobs = typed.children(folder)
    assert sorted(typed.ends(run) for run in jobs) == [("FAILED", "killed"), *[("FINISHED", "completed")] * 2]
    finished = [run for run in jobs if run.info.status == "FINISHED"]
    assert len({run.data.tags["tfmlflow.fingerprint"] for run in finished}) == 2
    assert {run.data.tags["hydra.job.num"] for run in finished} == {"0", "1"}
    whole = typed.parent(folder)
    assert typed.ends(whole) == ("FINISHED", "completed")
    assert (whole.data.metrics["sweep/finished"], whole.data.metrics["sweep/failed"]) == (2, 0)
    assert {row["run_id"] for row in typed.leaderboard(folder)} == {run.info.run_id for run in finished}
    eventually(lambda: not typed.at_work(folder), 60, lambda: typed.at_work(folder))


def is_job(process: psutil.Process) -> bool:
    """Whether it is a worker of Ray with a job."""
    try:
        return any("ray::_run_job" in word for word in process.cmdline())
    except psutil.Error:
        return False
