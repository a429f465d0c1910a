"""How long a sweep of 8 short jobs takes, 2 at a time, against Hydra's own sweep with the joblib launcher.

    python benchmarks/sweep.py --rounds 5

Ours is `hydra/launcher=process`: a fresh process for each job, and one run above them with a leaderboard and a report.
The peer is `hydra/sweeper=basic hydra/launcher=joblib` around the same job function: two processes that all jobs share,
and nothing above the jobs. A third row is our sweeper with that launcher, to tell the sweeper from the launcher. They
take turns, in folders, stores and spools of their own, and every sweep has to leave 8 finished runs.

Wall time is that of the command; processor time is that of all processes that it has started, also of those that
outlive it, and with the imports and the delivery of the records (Linux; elsewhere without the latter). Exit code 1 when
our median wall time is more than `--limit` times the peer's.

Not here: hydra-optuna-sweeper 1.3.0, which pulls in Optuna 2.10 beside a SQLAlchemy that this Optuna cannot use;
hydraflow, which brings no launcher and would be Hydra's launchers around another job function.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient

ROOT = Path(__file__).resolve().parents[1]
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of Linux's prctl: orphans become ours, and so does the time they took
PATIENCE = 60.0  # seconds that processes which outlive their command have to leave
JOBS = 8
VARIED = ("optimizer.learning_rate=0.0005,0.001,0.002,0.004", "model.dropout=0,0.2")
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
OURS, PEER = "ours, process launcher", "Hydra's sweeper, joblib"
SWEEPS: dict[str, tuple[str, ...]] = {
    OURS: ("hydra/launcher=process", "hydra.launcher.n_jobs=2"),
    PEER: ("hydra/sweeper=basic", *JOBLIB),
    "ours, joblib launcher": JOBLIB,
}


@dataclass(frozen=True)
class Taken:
    """What one sweep took, seconds."""

    wall: float
    processor: float


def main() -> int:
    """Measure, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="of each sweep")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--limit", type=float, default=1.0, help="largest ratio of wall times that is good enough")
    arguments = parser.parse_args()
    if arguments.rounds < 3:
        parser.error("--rounds: at least 3, for a median that means something")
    with contextlib.suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    rows: dict[str, list[Taken]] = {name: [] for name in SWEEPS}
    for turn in range(arguments.rounds):
        names = list(SWEEPS)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:  # none is always the first
            took = taken(name, arguments.epochs)
            rows[name].append(took)
            print(f"round {turn + 1}, {name}: {took.wall:.1f} s, {took.processor:.1f} s of processor time", flush=True)
    print(table(rows))
    ratio = median(rows[OURS], "wall") / median(rows[PEER], "wall")
    print(f"\nratio {ratio:.2f}, at most {arguments.limit}")
    return int(ratio > arguments.limit)


def taken(name: str, epochs: int) -> Taken:
    """What one sweep takes, which must leave all its runs finished."""
    with tempfile.TemporaryDirectory(prefix="tfmlflow-sweep-", ignore_cleanup_errors=True) as folder:
        store = f"sqlite:///{Path(folder) / 'mlflow.db'}"
        command = [sys.executable, str(ROOT / "train.py"), "-m", *SWEEPS[name], *VARIED]
        command += [f"trainer.epochs={epochs}", "trainer.progress=none", f"tracking.uri={store}"]
        own = {"TFMLFLOW_SPOOL": str(Path(folder) / "spool"), "TFMLFLOW_SHIPPER_IDLE": "1"}
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, cwd=folder, env=os.environ | own, capture_output=True, text=True)
        wall = time.perf_counter() - began
        wait_for_orphans()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        if (count := finished(store)) != JOBS:
            raise SystemExit(f"{' '.join(command)}: {count} finished runs, not {JOBS}\n{done.stdout}\n{done.stderr}")
    return Taken(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def wait_for_orphans() -> None:
    """Until all that a command has left behind is gone; what it took is then part of our children's time."""
    deadline = time.monotonic() + PATIENCE
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.1)


def finished(store: str) -> int:
    """Jobs whose run is complete."""
    client = MlflowClient(store)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, "attributes.status = 'FINISHED'")
    return sum("hydra.job.num" in run.data.tags and "test/loss" in run.data.metrics for run in runs)


def median(times: list[Taken], which: str) -> float:
    """Of wall or of processor time."""
    return float(statistics.median(getattr(taken, which) for taken in times))


def table(rows: dict[str, list[Taken]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| sweep | wall: median (min to max), s | processor: median (min to max), s | ratio | of processor time |",
        "|---|---|---|---|---|",
    ]
    for name, times in rows.items():
        cells = []
        for which in ("wall", "processor"):
            values = [getattr(taken, which) for taken in times]
            cells.append(f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})")
        ratios = (f"{median(times, which) / median(rows[PEER], which):.2f}" for which in ("wall", "processor"))
        lines.append(f"| {name} | {' | '.join([*cells, *ratios])} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
