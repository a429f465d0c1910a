"""What tracking costs a training: ours, MLflow's Keras callback and its autologging, against the same fit untracked.

    python benchmarks/tracking_overhead.py --data ../shared/data/mnist.npz

Two trainings by plain `model.fit(numpy)`: an MLP with steps of about 1 ms (3,000 steps count) and a CNN with steps of
about 50 ms (80 count), into a new SQLite file and into a real `mlflow server` over one. Every tracker is compared with
the untracked trainings just before and after it in the same process (`overhead_turn.py` says why); a turn is a new
process, the order of the trackers moves on with the turns; medians of the turns, and the range.

Budgets, for ours with every step in the store: wall time at most 1.02 of untracked; no step and no change of epochs
held up by more than 50 ms beyond what the untracked training shows itself; with steps of 1 ms at least 3.5 times faster
than `MlflowCallback(log_every_n_steps=1)`, for SQLite. Exit code 1 if one is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console
from rich.table import Table

from tests.servers.mlflow_server import MlflowServer

TURN = Path(__file__).with_name("overhead_turn.py")
EVERY_STEP, PER_STEP = "ours, every step", "MlflowCallback, every step"
TRACKERS = (
    EVERY_STEP,
    "ours, a shipper that starts",
    "ours, checkpoint each epoch",
    "ours, as it comes (best model)",
    "MlflowCallback, each epoch",
    PER_STEP,
    "keras.autolog, no model",
    "keras.autolog, as it comes (last model)",
)
WORKLOADS = {
    "mlp": {"kind": "mlp", "batch": 32, "steps": 1000, "epochs": 3},
    "cnn": {"kind": "cnn", "batch": 64, "steps": 20, "epochs": 4},
}
QUICK = {"mlp": {"steps": 300, "epochs": 2}, "cnn": {"steps": 8, "epochs": 2}}
WALL, DELAY, FASTER = 1.02, 50.0, 3.5
Turns = list[dict[str, Any]]


def main() -> int:
    """Measure, print the tables, and return 1 if a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="MNIST as an npz file")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--store", choices=["sqlite", "http", "both"], default="both")
    parser.add_argument("--workload", choices=[*WORKLOADS, "both"], default="both")
    parser.add_argument("--only", metavar="TEXT", help="trackers with this text in their names alone")
    parser.add_argument("--quick", action="store_true", help="few steps, to see that it works; the figures are noise")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    arguments = parser.parse_args()
    trackers = [name for name in TRACKERS if arguments.only is None or arguments.only in name]
    console, measured, missed = Console(width=None if sys.stdout.isatty() else 150), {}, list[str]()
    for store in ("sqlite", "http") if arguments.store == "both" else (arguments.store,):
        for kind in WORKLOADS if arguments.workload == "both" else (arguments.workload,):
            workload = WORKLOADS[kind] | (QUICK[kind] if arguments.quick else {})
            turns = []
            for number in range(arguments.turns):
                began = time.monotonic()
                turns.append(turn(workload, store, arguments.data.resolve(), rotated(trackers, number)))
                said = f"{kind}, {store}: turn {number + 1} of {arguments.turns}, {time.monotonic() - began:.0f} s"
                console.print(said, style="dim")
            measured[f"{kind}, {store}"] = {"workload": workload, "turns": turns}
            console.print(table(f"{kind}, {store}", workload, turns, trackers))
            missed += budgets(f"{kind}, {store}", turns, kind == "mlp" and store == "sqlite", workload)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"cores": os.cpu_count(), "measured": measured}, indent=1))
    print("\n".join(missed) or "every budget is kept")
    return 1 if missed and not arguments.quick else 0


def rotated(names: list[str], by: int) -> list[str]:
    """The same in another order."""
    by = 3 * by % len(names)  # neighbours change, too, when it wraps around
    return names[by:] + names[:by]


def turn(workload: dict[str, Any], store: str, data: Path, trackers: list[str]) -> dict[str, Any]:
    """What a new process measures, with a new store."""
    with tempfile.TemporaryDirectory(prefix="overhead-") as name, place(store, Path(name)) as uri:
        result = Path(name) / "result.json"
        settings = {"workload": workload, "uri": uri, "data": str(data), "trackers": trackers}
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
        log = Path(name) / "log"
        with log.open("w") as output:
            done = subprocess.run(
                [sys.executable, str(TURN), json.dumps(settings), str(result)],
                env=environment,
                stdout=output,
                stderr=output,
            )
        if done.returncode != 0:
            sys.exit(log.read_text()[-4000:])
        return json.loads(result.read_text())


@contextlib.contextmanager
def place(store: str, folder: Path) -> Iterator[str]:
    """Address of a new store."""
    file = f"sqlite:///{folder / 'mlflow.db'}"
    if store == "sqlite":
        yield file
    else:
        with MlflowServer(folder, file) as server:
            yield server.uri


def of(turns: Turns, tracker: str, what: str, how: str = "ratio") -> list[float]:
    """One figure of a tracker in each turn: itself, its ratio to the untracked neighbours, or its excess over them."""
    values = []
    for each in turns:
        taken, untracked = each[tracker]["taken"][what], [u[what] for u in each[tracker]["untracked"]]
        peer = statistics.mean(untracked)
        values.append(taken if how == "itself" else taken / peer if how == "ratio" else taken - peer)
    return values


def table(title: str, workload: dict[str, Any], turns: Turns, trackers: list[str]) -> Table:
    """What was measured, median and range."""
    untracked = [u for each in turns for tracker in trackers for u in each[tracker]["untracked"]]
    steps = workload["steps"] * workload["epochs"]
    wall, step, delay, gap = (
        statistics.median(u[what] for u in untracked) for what in ("wall", "step", "delay", "gap")
    )
    said = (
        f"{title}: {steps:,} steps; untracked {wall:.2f} s, a step {step:.2f} ms, "
        f"slowest step {delay:+.0f} ms, change of epochs {gap:.0f} ms; two untracked neighbours differ by "
        f"{100 * statistics.median(_apart(each, tracker) for each in turns for tracker in trackers):.1f} %"
    )
    shown = Table(title=said, title_justify="left")
    heads = (
        "tracker",
        "wall ratio",
        "CPU ratio",
        "close, s",
        "CPU in all, s",
        "slowest step, ms more",
        "epochs, ms more",
        "points",
    )
    for head in heads:
        shown.add_column(head, justify="left" if head == "tracker" else "right")
    for tracker in trackers:
        shown.add_row(
            tracker,
            _median(of(turns, tracker, "wall"), 3),
            _median(of(turns, tracker, "cpu"), 3),
            _median(of(turns, tracker, "close", "itself"), 2),
            _median(of(turns, tracker, "total_cpu", "excess"), 1),
            _median(of(turns, tracker, "delay", "excess"), 0),
            _median(of(turns, tracker, "gap", "excess"), 0),
            f"{statistics.median(of(turns, tracker, 'points', 'itself')):.0f}",
        )
    return shown


def _apart(turn: dict[str, Any], tracker: str) -> float:
    before, after = (u["wall"] for u in turn[tracker]["untracked"])
    return abs(after / before - 1)


def _median(values: list[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}..{max(values):.{digits}f})"


def budgets(title: str, turns: Turns, against_peer: bool, workload: dict[str, Any]) -> list[str]:
    """Those that are missed."""
    missed = []
    if EVERY_STEP not in turns[0]:
        return missed
    wall = statistics.median(of(turns, EVERY_STEP, "wall"))
    if wall > WALL:
        missed.append(f"{title}: {EVERY_STEP}: {wall:.3f} times the time of untracked (budget: at most {WALL})")
    for what, words in (("delay", "a step"), ("gap", "a change of epochs")):
        excess = statistics.median(of(turns, EVERY_STEP, what, "excess"))
        if excess > DELAY:
            missed.append(f"{title}: {EVERY_STEP}: {words} held up by {excess:.0f} ms (budget: at most {DELAY:.0f})")
    there, steps = min(of(turns, EVERY_STEP, "points", "itself")), workload["steps"] * (workload["epochs"] + 1)
    if there != steps:
        missed.append(f"{title}: {EVERY_STEP}: {there:.0f} points of {steps} in the store")
    if against_peer and PER_STEP in turns[0]:
        pairs = zip(of(turns, PER_STEP, "wall"), of(turns, EVERY_STEP, "wall"), strict=True)
        faster = statistics.median(peer / mine for peer, mine in pairs)
        print(f"{title}: {EVERY_STEP} is {faster:.2f} times faster than {PER_STEP} (budget: at least {FASTER})")
        if faster < FASTER:
            missed.append(f"{title}: {faster:.2f} times faster than {PER_STEP} (budget: at least {FASTER})")
    return missed


if __name__ == "__main__":
    sys.exit(main())
