"""The whole life of a sweep: jobs that fail in every way, a sweep that is killed, and the same command once more."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import stores
from tests.chaos.script import Script, eventually
from tests.sweep import typed

MINE = """
import os, pathlib, signal, time
import keras

class Killed(keras.Sequential):
    def fit(self, *given, callbacks=(), **named):
        def begin(epoch, logs=None):
            if epoch == 1:
                os.kill(os.getpid(), signal.SIGKILL)
        more = keras.callbacks.LambdaCallback(on_epoch_begin=begin)
        return super().fit(*given, callbacks=[*callbacks, more], **named)

class Waiting(keras.Sequential):
    def fit(self, *given, callbacks=(), **named):
        def begin(epoch, logs=None):
            while epoch == 1 and not pathlib.Path("go").exists():
                pathlib.Path("waiting").touch()
                time.sleep(0.05)
        more = keras.callbacks.LambdaCallback(on_epoch_begin=begin)
        return super().fit(*given, callbacks=[*callbacks, more], **named)

def build(data, width, seed):
    if (seed, width) == (1, 8):
        raise RuntimeError("width 8 is unlucky with seed 1")
    kind = {(2, 32): Waiting, (3, 8): Killed}.get((seed, width), keras.Sequential)
    bias = float("nan") if (seed, width) == (2, 4) else 0.0
    return kind([keras.Input(data.input_shape), keras.layers.Flatten(), keras.layers.Dense(width, "relu"),
                 keras.layers.Dense(data.classes, "softmax", bias_initializer=keras.initializers.Constant(bias))])
"""
FAILED = {("1", "8"): ("FAILED", "error"), ("2", "4"): ("FAILED", "nan"), ("3", "8"): ("FAILED", "killed")}
TWELVE = {(seed, width) for seed in "123" for width in ("4", "8", "16", "32")}


@pytest.mark.stress
@pytest.mark.slow
def test_twelve_jobs_of_which_three_fail_survive_the_death_of_their_sweep(
    tmp_path: Path, mnist: Path, new_store: Callable[[Path], Path]
) -> None:
    folder = new_store(tmp_path / "sweep")
    (folder / "mine.py").write_text(MINE)

    def start() -> Script:
        return typed.sweep(
            folder,
            *("data=mnist", f"data.path={mnist}", "data.limit=400", "model=custom", "model._target_=mine.build"),
            *("seed=1,2,3", "+model.width=4,8,16,32", "+model.seed=${seed}", "trainer.epochs=2"),
            *("tracking.system_metrics=false", "tracking.log_model=false", "tracking.checkpoint_every=null"),
            *("hydra/launcher=process", "hydra.launcher.n_jobs=2"),
            PYTHONPATH=str(folder),
        )

    with start() as script:
        eventually(
            lambda: (folder / "waiting").exists() and len(typed.jobs_said(script.said)) >= 6,
            *(300, lambda: script.said + script.errors, lambda: script.process.poll() is not None),
        )
        script.send(signal.SIGKILL)
        script.ended()
        (folder / "go").touch()
        eventually(lambda: not typed.at_work(folder), 60, lambda: typed.at_work(folder))
        first = typed.jobs_said(script.said)
    before = {run.info.run_id for run in typed.children(folder) if run.info.status == "FINISHED"}
    assert len(before) >= 4
    assert "RuntimeError: width 8 is unlucky with seed 1" in first[1]
    assert "FAILED (nan: the loss is not a number)" in first[4]

    with start() as script:
        assert script.ended(timeout=300) == 1, script.said + script.errors
        second = script.said
        killed = eventually(lambda: killed_with_their_reason(folder), 60, lambda: state(folder))
        eventually(lambda: typed.parent(folder).info.status != "RUNNING", 60)

    said_before = [line for line in second.splitlines() if "FINISHED before" in line]
    assert {line.rsplit("run ", 1)[1] for line in said_before} == before
    assert "its process was ended by SIGKILL" in second

    jobs = typed.children(folder)
    points = {run.info.run_id: (run.data.params.get("seed"), run.data.params.get("model.width")) for run in jobs}
    finished = [run for run in jobs if run.info.status == "FINISHED"]
    marks = [run.data.tags["tfmlflow.fingerprint"] for run in finished]
    assert len(marks) == len(set(marks)) == 9, state(folder)
    assert {points[run.info.run_id] for run in finished} == TWELVE - set(FAILED)
    last = {points[run.info.run_id]: typed.ends(run) for run in jobs if points[run.info.run_id] in FAILED}
    assert last == FAILED
    interrupted = [run for run in jobs if run.info.status != "FINISHED" and points[run.info.run_id] not in FAILED]
    assert ("2", "32") in {points[run.info.run_id] for run in interrupted}
    assert {typed.ends(run) for run in interrupted} <= {("KILLED", "signal"), ("FAILED", "killed")}
    assert killed

    whole = typed.parent(folder)
    assert whole.info.status in ("FINISHED", "FAILED")
    assert (whole.data.metrics["sweep/finished"], whole.data.metrics["sweep/failed"]) == (9, 3)
    assert whole.data.tags["tfmlflow.best_run"] in {run.info.run_id for run in finished}
    assert stores.files(folder, whole.info.run_id) >= {"leaderboard.csv", "report.html"}
    table = typed.leaderboard(folder)
    assert [row["status"] for row in table] == ["FINISHED"] * 9 + ["FAILED"] * 3
    losses = [float(row["val/loss"]) for row in table[:9]]
    assert losses == sorted(losses)
    numbers = Counter(run.data.tags["hydra.job.num"] for run in jobs)
    assert set(numbers.values()) == {1}, "a second start takes new numbers"


def killed_with_their_reason(folder: Path) -> bool:
    """Whether no job's run is left open: that of a killed process is ended by its shipper, after a moment."""
    ends = [typed.ends(run) for run in typed.children(folder)]
    return ("FAILED", "killed") in ends and all(status != "RUNNING" for status, _ in ends)


def state(folder: Path) -> str:
    """Every run, for messages."""
    return "\n".join(
        f"{run.info.run_name}: {typed.ends(run)} job {run.data.tags.get('hydra.job.num')}"
        for run in stores.runs(folder)
    )
