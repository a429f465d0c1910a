"""Sweeps as a user types them, in a folder that holds train.py, an own model and nothing else."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import psutil
from mlflow.entities import Run

from tests import stores
from tests.chaos.script import Script
from tests.conftest import ROOT, run

# No machine figures, no models, no checkpoints: what a job writes beside its metrics is tested elsewhere.
SMALL = (
    "tracking.system_metrics=false",
    "tracking.log_model=false",
    "tracking.checkpoint_every=null",
    "data.limit=200",
)

# The second epoch begins when the file `go` is there; a width of 2 is unlucky.
MINE = """
import pathlib, time
HERE = pathlib.Path(__file__).parent
import keras

class Waiting(keras.Sequential):
    def fit(self, *given, callbacks=(), **named):
        def begin(epoch, logs=None):
            while epoch == 1 and not (HERE / "go").exists():
                (HERE / f"waiting {self.count_params()}").touch()
                time.sleep(0.05)
        more = keras.callbacks.LambdaCallback(on_epoch_begin=begin)
        return super().fit(*given, callbacks=[*callbacks, more], **named)

def build(data, width):
    if width == 2:
        raise RuntimeError("width 2 is unlucky")
    return Waiting([keras.Input(data.input_shape), keras.layers.Flatten(), keras.layers.Dense(width, "relu"),
                    keras.layers.Dense(data.classes, "softmax")])
"""
OWN = ("model=custom", "model._target_=mine.build", *SMALL)


def sweep(folder: Path, *arguments: str, flag: str = "-m", **environment: str) -> Script:
    """`python train.py <arguments> -m`, in a process; train.py lies in `folder`, since its commit is part of a job."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "train.py").exists():
        shutil.copyfile(ROOT / "train.py", folder / "train.py")
    return Script(folder, str(folder / "train.py"), *arguments, flag, **environment)


def swept(folder: Path, *arguments: str, code: int = 0, **environment: str) -> str:
    """The same, waited for; what it printed, after a look at its exit code."""
    with sweep(folder, *arguments, **environment) as script:
        ended = script.ended(timeout=300)
        assert ended == code, script.said[-3000:] + script.errors[-3000:]
        return script.said + script.errors


def parent(folder: Path) -> Run:
    """The one run of the one sweep."""
    (found,) = (each for each in stores.runs(folder) if each.data.tags.get("tfmlflow.sweep_parent") == "true")
    return found


def children(folder: Path) -> list[Run]:
    """The runs of all jobs, oldest first; every one of them says whose it is."""
    of = parent(folder).info.run_id
    jobs = [run for run in stores.runs(folder) if run.info.run_id != of]
    assert {run.data.tags.get("mlflow.parentRunId") for run in jobs} <= {of}
    return sorted(jobs, key=lambda run: (int(run.data.tags["hydra.job.num"]), run.info.start_time))


def leaderboard(folder: Path) -> list[dict[str, str]]:
    """The sweep's table, the best first."""
    return list(csv.DictReader(io.StringIO(stores.text(folder, parent(folder).info.run_id, "leaderboard.csv"))))


def ends(run: Run) -> tuple[str, str | None]:
    """Status and reason."""
    return run.info.status, run.data.tags.get("tfmlflow.end_reason")


def jobs_said(output: str) -> dict[int, str]:
    """What the terminal said of each job that came to its end."""
    return {int(found[1]): found[0] for found in re.finditer(r"^job (\d+)  .*  .*$", output, re.MULTILINE)}


def at_work(folder: Path) -> list[str]:
    """Processes that a sweep in `folder` has left behind, without the shippers, which outlive every job."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        words = process.info["cmdline"] or []
        here = process.info["cwd"] == str(folder) or any(str(folder) in word for word in words)
        if here and process.info["status"] != psutil.STATUS_ZOMBIE and "tfmlflow.tracking.shipper" not in words:
            found.append(" ".join(words))
    return found


def run_beside(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python train.py <arguments>` while a sweep is at work in `folder`, on the same store and spool."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    there = {"MLFLOW_TRACKING_URI": uri, "TFMLFLOW_SPOOL": str(folder / "spool")}
    return run(str(folder / "train.py"), *arguments, cwd=folder, **there)
