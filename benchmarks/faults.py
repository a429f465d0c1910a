"""What becomes of a training and of its run when something goes wrong: ours, MLflow's Keras callback, its autologging.

    python benchmarks/faults.py --output faults.md
    python benchmarks/faults.py --only sigkill --tracker ours

Every case is a training of about 8 s in a process of its own, each tracker as it comes, with a proxy that breaks the
way to a real `mlflow server`. A fault of the server begins before the training or after a third of it and stays until
the process is gone, or is killed by us a minute after it should have ended; then it is lifted, and 20 s later the store
is looked at. MLflow's client retries as it does by default. Takes about 25 minutes with two at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fault_outcome import Outcome, looked_at, stop_shippers
from fault_process import PATIENCE, Training

from tests.servers.fault_proxy import FaultProxy, Schedule
from tests.servers.mlflow_server import MlflowServer

EPOCHS, SECONDS = 20, 8.0
TRACING = 5.0  # seconds
AFTER = 20.0  # seconds between the end of the fault and the look into the store


@dataclass(frozen=True)
class Case:
    """Something that goes wrong.

    Attributes:
        name: For the command line.
        words: For the table.
        start, middle: Mode of the proxy from the beginning, and after a third of the epochs.
        lifted: Seconds after which the fault is over; None: when the process is.
        schedule: What meets a request while the mode is "pass".
        empty: Whether another server, with an empty database, answers after a third of the epochs.
        sent: Signal to the process after a third of the epochs.
        training: Options of the training.
    """

    name: str
    words: str
    start: str = "pass"
    middle: str | None = None
    lifted: float | None = None
    schedule: Schedule | None = None
    empty: bool = False
    sent: signal.Signals | None = None
    training: dict[str, Any] = field(default_factory=dict)


def _files(_number: int, _method: str, path: str) -> str:
    return "error500" if "mlflow-artifacts" in path else "pass"


CASES = (
    Case("none", "nothing"),
    Case("refused-start", "no server, from the start", start="refuse"),
    Case("refused", "no server, from the middle", middle="refuse"),
    Case("restart", "no server for 5 s in the middle", middle="refuse", lifted=5.0),
    Case("hanging", "the server hangs, from the middle", middle="hang"),
    Case("error500", "the server answers 500, from the middle", middle="error500"),
    Case("error429", "the server answers 429, from the middle", middle="error429"),
    Case("half", "answers are cut off half-way, from the middle", middle="half"),
    Case("slow", "every answer takes 2 s", start="slow"),
    Case("expired", "the login expires (401), from the middle", middle="error401"),
    Case("files", "files are refused (500), metrics are taken", schedule=_files),
    Case("empty", "another server answers, with an empty database, from the middle", empty=True),
    Case("sigterm", "SIGTERM in the middle", sent=signal.SIGTERM),
    Case("sighup", "the terminal is closed (SIGHUP) in the middle", sent=signal.SIGHUP),
    Case("sigkill", "SIGKILL in the middle", sent=signal.SIGKILL),
    Case("exception", "the training raises", training={"fail_at": 7}),
    Case("name", "a metric named `acc@1`", training={"metric": "acc@1"}),
    Case("vector", "a metric that is a vector, `F1Score()`", training={"vector": True}),
    Case("long", "60 epochs with validation", training={"epochs": 60}),
    Case("nan", "the loss becomes NaN", training={"nan_at": 7}),
)
TRACKERS = ("ours", "MlflowCallback", "autolog")
LEGEND = """\
Each cell: how long the training stood still for the tracker, before the first step + after it (pauses of more than
0.25 s) · from the last step (or from what ended the training) to the exit of the process, with the exit code (negative:
by that signal; `killed`: by us, after {patience:.0f} s) · status of the run and its end reason {after:.0f} s after the
fault was over · share of the metric values of all finished epochs that are in the store at their epoch. `n share a
step`: points at whose step the same metric has another point, too. ours: `tfmlflow.TrackingCallback()`; MlflowCallback:
`mlflow.keras.MlflowCallback()`; autolog: `mlflow.keras.autolog()`; all as they come.
"""


def main() -> int:
    """Run the cases, write the table, and return 1 if one could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, metavar="FILE", help="the table as Markdown; else it is printed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    parser.add_argument("--only", nargs="+", metavar="CASE", choices=[case.name for case in CASES])
    parser.add_argument("--tracker", nargs="+", choices=TRACKERS, default=list(TRACKERS))
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    cases = [case for case in CASES if arguments.only is None or case.name in arguments.only]
    outcomes: dict[tuple[str, str], Outcome] = {}
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "empty").mkdir()
        with (
            MlflowServer(folder, f"sqlite:///{folder / 'mlflow.db'}") as server,
            MlflowServer(folder / "empty", f"sqlite:///{folder / 'empty.db'}") as empty,
            ThreadPoolExecutor(arguments.jobs) as pool,
        ):
            servers = (server.uri, empty.uri)
            jobs = {
                (case.name, tracker): pool.submit(run, case, tracker, servers, folder / f"{case.name}-{tracker}")
                for case in cases
                for tracker in arguments.tracker
            }
            for (case_name, tracker), job in jobs.items():
                error = job.exception()
                if error is None:
                    outcomes[case_name, tracker] = job.result()
                said = outcomes[case_name, tracker].words() if error is None else f"not measured: {error!r}"
                print(f"{case_name:14} {tracker:15} {said}", flush=True)
    text = table(cases, arguments.tracker, outcomes)
    if arguments.output is not None:
        arguments.output.write_text(text)
    else:
        print("\n" + text)
    if arguments.json is not None:
        measured = {f"{case} {tracker}": asdict(outcome) for (case, tracker), outcome in outcomes.items()}
        arguments.json.write_text(json.dumps(measured, indent=1))
    return int(len(outcomes) < len(jobs))


def run(case: Case, tracker: str, servers: tuple[str, str], folder: Path) -> Outcome:
    """One training, and what is in the store, the first server's, at the end."""
    folder.mkdir()
    options = {"tracker": tracker, "epochs": EPOCHS, "seconds": SECONDS} | case.training
    with FaultProxy(servers[0], case.schedule) as proxy:
        proxy.mode = case.start
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
        environment |= {
            "MLFLOW_TRACKING_URI": proxy.uri,
            "MLFLOW_EXPERIMENT_NAME": folder.name,
            "TFMLFLOW_SPOOL": str(folder / "spool"),
        }
        training = Training(options, environment, folder)
        try:
            sent_at = trouble(case, proxy, training, options, servers[1])
            outcome = ended(training, sent_at, options)
        finally:
            training.kill()
            proxy.mode, proxy.schedule, proxy.upstream_uri = "pass", None, servers[0]  # here the fault is over
        lifted = time.monotonic()
        epochs = training.metrics()
        while True:
            found = looked_at(servers[0], folder.name, tracker, epochs)
            late = time.monotonic() - lifted > AFTER
            if late or (found["status"] not in (None, "RUNNING") and found["arrived"] == 1.0):
                break
            time.sleep(1)
        stop_shippers(folder / "spool")
    return replace(outcome, **found)


def trouble(case: Case, proxy: FaultProxy, training: Training, options: dict[str, Any], empty: str) -> float | None:
    """Make it, in the middle of the training; returns when a signal was sent."""
    if case.middle is None and case.sent is None and not case.empty:
        return None
    training.wait_for(f"EPOCH {options['epochs'] // 3}", PATIENCE + SECONDS + TRACING)
    if case.middle is not None:
        proxy.mode = case.middle
    if case.empty:
        proxy.upstream_uri = empty
    if case.sent is not None:
        training.send(case.sent)
        return time.time()
    if case.lifted is not None:
        time.sleep(case.lifted)
        proxy.mode = "pass"
    return None


def ended(training: Training, sent_at: float | None, options: dict[str, Any]) -> Outcome:
    """Wait for the process's exit, as long as our patience lasts."""
    begun = training.wait_for("BEGUN", 120)
    if begun is None:
        raise RuntimeError(training.log())
    planned = (
        float(begun) + options["seconds"] * options.get("fail_at", options["epochs"]) / options["epochs"] + TRACING
    )
    code = training.wait((sent_at or planned) + PATIENCE, sent_at is None)
    last, held = training.said("LAST"), training.said("HELD")
    since = sent_at or (float(last) if last else planned)
    return Outcome(
        held=(float(held.split()[0]), float(held.split()[1])) if held else None,
        trained=bool(last) or sent_at is not None,
        to_exit=max(0.0, training.ended_at - since),
        code=code,
    )


def table(cases: list[Case], trackers: list[str], outcomes: dict[tuple[str, str], Outcome]) -> str:
    """As Markdown, with a legend."""
    lines = [f"| what goes wrong | {' | '.join(trackers)} |", "|---" * (len(trackers) + 1) + "|"]
    for case in cases:
        found = (outcomes.get((case.name, tracker)) for tracker in trackers)
        cells = (outcome.words() if outcome is not None else "not measured" for outcome in found)
        lines.append(f"| {case.words} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n\n" + LEGEND.format(patience=PATIENCE, after=AFTER)


if __name__ == "__main__":
    sys.exit(main())
