"""Sweeps as typed: pruned ones, ones that go on, ones that stop, and ones that are stopped."""

from __future__ import annotations

import base64
import json
import re
import signal
import zlib
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests import stores
from tests.chaos.script import eventually
from tests.sweep import typed

NewStore = Callable[[Path], Path]
pytestmark = pytest.mark.slow


def compared(folder: Path, output: str) -> list[str]:
    """Runs in the view that the printed link opens."""
    (key,) = re.findall(r"viewStateShareKey=(tfmlflow-\w+)", output)
    (experiment,) = re.findall(r"#/experiments/(\d+)/runs\?", output)
    tags = stores.client(folder).get_experiment(experiment).tags
    state = json.loads(tags[f"mlflow.sharedViewState.{key}"])["state"].removeprefix("deflate;")
    return re.findall(r"'(\w{32})'", json.loads(zlib.decompress(base64.b64decode(state)))["searchFilter"])


def test_hopeless_jobs_are_pruned_and_a_second_start_goes_on_in_the_same_study(
    tmp_path: Path, new_store: NewStore
) -> None:
    folder = new_store(tmp_path / "sweep")
    same = (
        *("sweep=tpe", "sweep.pruner=median", "+sweep.pruner_options.n_startup_trials=1", "trainer.epochs=4"),
        *("optimizer.learning_rate=tag(log,interval(1e-6,1e-2))", "model.activation=relu,tanh", "seed=7"),
        *(*typed.SMALL, "model.units=[4]"),
    )
    first = typed.swept(folder, *same, "sweep.trials=4")
    jobs = typed.children(folder)
    assert [run.data.tags["hydra.job.num"] for run in jobs] == list("0123")
    assert {run.info.status for run in jobs} == {"FINISHED"}
    pruned = {run.info.run_id for run in jobs if run.data.tags["tfmlflow.end_reason"] == "pruned"}
    assert pruned, first
    assert jobs[0].info.run_id not in pruned
    store = stores.client(folder)
    for run in jobs:
        curve = store.get_metric_history(run.info.run_id, "train/loss")
        assert (len(curve) < 4) == (run.info.run_id in pruned)
        rate = f"learning_rate={run.data.params['optimizer.learning_rate']}"
        assert run.data.params["model.activation"] in run.info.run_name
        assert rate in run.info.run_name or "e-0" in run.data.params["optimizer.learning_rate"]
        assert "seed" not in run.info.run_name
        assert run.data.tags["tfmlflow.sweep"] == typed.parent(folder).data.tags["tfmlflow.sweep"]
    assert set(compared(folder, first)) == {run.info.run_id for run in jobs}
    assert len({run.data.tags["tfmlflow.fingerprint"] for run in jobs}) == 4

    of = typed.parent(folder).info.run_id
    second = typed.swept(folder, *same, "sweep.trials=5")
    assert typed.parent(folder).info.run_id == of
    assert second.count("FINISHED before") == 4
    jobs = typed.children(folder)
    assert [run.data.tags["hydra.job.num"] for run in jobs] == list("01234")
    assert set(compared(folder, second)) == {run.info.run_id for run in jobs}
    whole = typed.parent(folder)
    assert typed.ends(whole) == ("FINISHED", "completed")
    assert whole.data.metrics["sweep/finished"] == 5
    assert whole.data.metrics["sweep/pruned"] == sum(run.data.tags["tfmlflow.end_reason"] == "pruned" for run in jobs)
    table = typed.leaderboard(folder)
    assert len(table) == 5
    assert whole.data.tags["tfmlflow.best_run"] == table[0]["run_id"]
    assert {row["run_id"] for row in table if row["reason"] == "pruned"} >= pruned
    assert all(row["reason"] == "pruned" for row in table[-len(pruned) :])


def test_a_sweep_stops_goes_on_and_begins_again_as_told(tmp_path: Path, new_store: NewStore) -> None:
    folder = new_store(tmp_path / "sweep")
    (folder / "mine.py").write_text(typed.MINE)
    (folder / "go").touch()
    same = (*typed.OWN, "+model.width=1,2,3", "trainer.epochs=1")

    stopped = typed.swept(folder, *same, "sweep.on_failure=stop", code=1)
    assert [typed.ends(run) for run in typed.children(folder)] == [("FINISHED", "completed"), ("FAILED", "error")]
    assert "width 2 is unlucky" in stopped
    assert typed.parent(folder).info.status == "FAILED"

    went_on = typed.swept(folder, *same, code=1)
    assert went_on.count("FINISHED before") == 1
    assert [typed.ends(run)[0] for run in typed.children(folder)] == ["FINISHED", "FAILED", "FAILED", "FINISHED"]

    again = typed.swept(folder, *same, "sweep.rerun=true", code=1)
    assert "before" not in again
    jobs = typed.children(folder)
    assert [typed.ends(run)[0] for run in jobs[4:]] == ["FINISHED", "FAILED", "FINISHED"]
    assert [run.data.tags["hydra.job.num"] for run in jobs] == list("0123456")
    assert len({run.data.tags["tfmlflow.fingerprint"] for run in jobs}) == 3
    assert [run.info.run_name for run in jobs[:2]] == ["custom adam width=1", "custom adam width=2"]
    whole = typed.parent(folder)
    assert (whole.data.metrics["sweep/finished"], whole.data.metrics["sweep/failed"]) == (2, 1)


@pytest.mark.parametrize(
    ("number", "at_once", "code"),
    [pytest.param(signal.SIGTERM, 2, 143, marks=pytest.mark.stress), (signal.SIGINT, 1, 130)],
    ids=["SIGTERM", "Ctrl-C"],
)
def test_a_signal_ends_every_run_killed_and_leaves_no_process_behind(
    tmp_path: Path, new_store: NewStore, number: int, at_once: int, code: int
) -> None:
    folder = new_store(tmp_path / "sweep")
    (folder / "mine.py").write_text(typed.MINE)
    path = {"PYTHONPATH": str(folder)} if number == signal.SIGTERM else {}  # mine.py lies beside train.py all the same
    launcher = ("hydra/launcher=process", f"hydra.launcher.n_jobs={at_once}")
    with typed.sweep(folder, *typed.OWN, "+model.width=1,3,5", "trainer.epochs=2", *launcher, **path) as script:
        eventually(
            lambda: len(list(folder.glob("waiting *"))) == at_once,
            *(120, lambda: script.said + script.errors, lambda: script.process.poll() is not None),
        )
        group = [script.process.pid]
        if number == signal.SIGINT:  # a terminal gives it to all in the foreground
            workers = psutil.Process(script.process.pid).children()
            group += [child.pid for child in workers if "tfmlflow.sweep.jobs.worker" in child.cmdline()]
            assert len(group) > 1
        for pid in group:
            psutil.Process(pid).send_signal(number)
        (folder / "go").touch()
        assert script.ended() == code, script.said + script.errors
        eventually(lambda: not typed.at_work(folder), 30, lambda: typed.at_work(folder))
        eventually(lambda: typed.parent(folder).info.status != "RUNNING", 60)
        assert [typed.ends(run) for run in typed.children(folder)] == [("KILLED", "signal")] * at_once
        assert typed.ends(typed.parent(folder)) == ("KILLED", "signal")
        assert "Traceback" not in script.errors


def test_a_signal_before_the_first_job_has_begun_starts_none(tmp_path: Path, new_store: NewStore) -> None:
    folder = new_store(tmp_path / "sweep")
    (folder / "mine.py").write_text(typed.MINE)
    words = (*typed.OWN, "+model.width=1,3", "trainer.epochs=2", "hydra/launcher=process")
    with typed.sweep(folder, *words) as script:
        script.until("run")  # jobs are ordered now, of a process that is loading TensorFlow
        script.send(signal.SIGINT)
        assert script.ended() == 130, script.said + script.errors
        eventually(lambda: not typed.at_work(folder), 30, lambda: typed.at_work(folder))
        eventually(lambda: typed.parent(folder).info.status != "RUNNING", 60)
        assert typed.ends(typed.parent(folder)) == ("KILLED", "signal")
        assert typed.children(folder) == []
        assert "FAILED" not in script.said
        assert "Traceback" not in script.errors


def test_the_same_command_while_it_is_at_work_is_refused_and_does_it_no_harm(
    tmp_path: Path, new_store: NewStore
) -> None:
    folder = new_store(tmp_path / "sweep")
    (folder / "mine.py").write_text(typed.MINE)
    same = (*typed.OWN, "sweep=tpe", "sweep.trials=2", "+model.width=int(interval(3,60))", "trainer.epochs=2")
    with typed.sweep(folder, *same) as script:
        eventually(
            lambda: list(folder.glob("waiting *")),
            *(120, lambda: script.said + script.errors, lambda: script.process.poll() is not None),
        )
        other = typed.run_beside(folder, *same, "-m")
        (folder / "go").touch()
        assert other.returncode == 2, other.stdout + other.stderr
        assert "at work already" in other.stderr
        assert script.ended() == 0, script.said + script.errors
    assert [typed.ends(run) for run in typed.children(folder)] == [("FINISHED", "completed")] * 2


TIRED = """
import optuna

class Tired(optuna.samplers.RandomSampler):
    def sample_independent(self, study, trial, name, distribution):
        if trial.number == 1:
            raise ValueError("no more ideas")
        return super().sample_independent(study, trial, name, distribution)
"""


def test_a_sampler_that_raises_ends_the_sweep_with_its_cause_and_is_no_wrong_command(tmp_path: Path) -> None:
    (tmp_path / "tired.py").write_text(TIRED)
    words = ("sweep=tpe", "sweep.sampler._target_=tired.Tired", "seed=1,2,3,4", "sweep.trials=3", "trainer.epochs=1")
    said = typed.swept(tmp_path, *words, *typed.SMALL, code=1)
    assert "ValueError: no more ideas" in said
    assert "Traceback" in said
    assert typed.parent(tmp_path).info.status == "FAILED"
    (child,) = typed.children(tmp_path)
    assert child.info.status == "FINISHED"


@pytest.mark.parametrize(
    "launcher", [(), pytest.param(("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"), marks=pytest.mark.stress)]
)
def test_the_time_of_a_sweep_ends_jobs_that_hydras_launchers_have_begun(
    tmp_path: Path, launcher: tuple[str, ...]
) -> None:
    words = ("seed=1,2,3", "trainer.epochs=100000", "sweep.time_budget=12", "trainer.progress=none", *launcher)
    said = typed.swept(tmp_path, *words, *typed.SMALL)
    whole = typed.parent(tmp_path)
    jobs = typed.children(tmp_path)
    assert len(jobs) == (2 if launcher else 1)
    assert {typed.ends(run) for run in jobs} == {("KILLED", "time_budget")}
    assert all(run.data.metrics["best/epoch"] >= 1 for run in jobs)
    assert "out of the sweep's time" in said
    assert whole.info.status == "FINISHED"
