"""Seconds of a whole command until it has ended with an accuracy on MNIST's test set, against a tutorial's network.

    nohup python -u benchmarks/time_to_accuracy.py --data ../shared/data/mnist.npz --json times.json > times.log &

Whole means from the start of the process to its end: imports, tracing, training, evaluation, saving the model, tracking
into a local SQLite store. Ours are the commands of a user; `99.4` has more filters and epochs, and augmentation. The
reference is the usual convnet under `model.fit` on arrays, without tracking, told after each epoch what the test set
says of it, which ends at the first epoch that reaches the goal: ours have no such hint, and end after their epochs.

The ways take turns, each seed once a turn, in processes of their own on two cores. A run that fails or does not reach
its goal counts as such, and the others go on. With `--json` every run is written as soon as it has ended, and what is
in the file is not run again. Exit code 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OURS = [str(ROOT / "train.py"), "experiment=mnist_speed"]
LONGER = ["trainer.epochs=6", "augment=light", "model.filters=[24,48,96]"]
GOALS = {"ours 99.0": 0.990, "reference 99.0": 0.990, "ours 99.4": 0.994}
SHARE, SECONDS = 10.0, 90.0  # times faster than the reference to 99.0 %, and whole seconds to 99.4 %
LIMIT = 1800.0  # seconds after which a command is given up
SETTLE = 3.0  # seconds between two commands, for what the last one has left behind

REFERENCE = """\
import json, sys

import keras
import numpy as np

data, seed, goal, epochs = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
keras.utils.set_random_seed(seed)
with np.load(data) as arrays:
    (x, y), (x_test, y_test) = ((arrays["x_" + part], arrays["y_" + part]) for part in ("train", "test"))
x, x_test = (np.expand_dims(pixels.astype("float32") / 255, -1) for pixels in (x, x_test))
y, y_test = (keras.utils.to_categorical(labels, 10) for labels in (y, y_test))

model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        keras.layers.Conv2D(32, (3, 3), activation="relu"),
        keras.layers.MaxPooling2D((2, 2)),
        keras.layers.Conv2D(64, (3, 3), activation="relu"),
        keras.layers.MaxPooling2D((2, 2)),
        keras.layers.Flatten(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])


class Reached(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs):
        print(json.dumps({"epoch": epoch + 1, "accuracy": float(logs["val_accuracy"])}), flush=True)
        self.model.stop_training = logs["val_accuracy"] > goal - 1e-6


model.fit(x, y, batch_size=128, epochs=epochs, verbose=0, validation_data=(x_test, y_test), callbacks=[Reached()])
"""


@dataclass(frozen=True)
class Run:
    """A command that has ended.

    Attributes:
        way, seed, turn: Which.
        accuracy: On the test set at its end; 0 of a command that failed.
        epochs: That it trained.
        wall, processor: Seconds; the processor's of all threads of the command, without the shipper's.
        error: The last line of what it said when it failed.
    """

    way: str
    seed: int
    turn: int
    accuracy: float
    epochs: int
    wall: float
    processor: float
    error: str = ""

    @property
    def reached(self) -> bool:
        """Whether it has ended with what was wanted, as counted in test images."""
        return self.accuracy > GOALS[self.way] - 1e-6


def main() -> int:
    """Measure, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="MNIST as an npz file")
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--turns", type=int, default=1, help="times that each seed is run")
    parser.add_argument("--only", nargs="*", choices=list(GOALS), default=list(GOALS))
    parser.add_argument("--most-epochs", type=int, default=25, help="after which the reference gives up")
    parser.add_argument("--json", type=Path, help="file that the runs are written to")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    known = (
        [Run(**run) for run in json.loads(arguments.json.read_text())["runs"]]
        if arguments.json and arguments.json.is_file()
        else []
    )
    runs: list[Run] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:  # a shipper may still be leaving
        folder = Path(name)
        (folder / "reference.py").write_text(REFERENCE, encoding="utf-8")
        for turn in range(1, arguments.turns + 1):
            for seed in arguments.seeds:
                for way in arguments.only:
                    run = next((one for one in known if (one.way, one.seed, one.turn) == (way, seed, turn)), None)
                    run = run or measured(way, seed, turn, arguments.data.resolve(), folder, arguments.most_epochs)
                    runs.append(run)
                    load = os.getloadavg()[0]
                    print(
                        f"turn {turn} seed {seed} {way}: {run.accuracy:.2%} after {run.epochs} epochs, "
                        f"{run.wall:.1f} s, processor {run.processor:.1f} s, load {load:.1f} {run.error}".rstrip(),
                        flush=True,
                    )
                    if arguments.json:
                        others = [one for one in known if one not in runs]
                        content = {"runs": [asdict(one) for one in (*others, *runs)], "figures": figures(runs)}
                        arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(table(runs))
    return int(not met(runs))


def measured(way: str, seed: int, turn: int, data: Path, folder: Path, most: int) -> Run:
    """Run one command to its end."""
    store, goal = f"sqlite:///{folder / 'mlflow.db'}", GOALS[way]
    if way.startswith("ours"):
        command = [*OURS, f"data.path={data}", f"seed={seed}", f"tracking.uri={store}"]
        command += ["tracking.experiment=time_to_accuracy", *(LONGER if way == "ours 99.4" else [])]
    else:
        command = [str(folder / "reference.py"), str(data), str(seed), str(goal), str(most)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "TFMLFLOW_SPOOL": str(folder / "spool")}
    out, err = folder / "stdout", folder / "stderr"
    time.sleep(SETTLE)
    with out.open("w") as said, err.open("w") as complained:
        began = time.monotonic()
        command.insert(0, sys.executable)
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=complained)
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:  # looks often, which costs little
            if time.monotonic() - began > LIMIT:
                process.kill()
            time.sleep(0.02)
        wall = time.monotonic() - began
    process.returncode = code = os.waitstatus_to_exitcode(ended[1])
    processor = ended[2].ru_utime + ended[2].ru_stime
    try:
        if code:
            raise RuntimeError(f"exit code {code}: {(err.read_text().strip() or '-').splitlines()[-1]}")
        accuracy, epochs = recorded(store) if way.startswith("ours") else printed(out.read_text())
    except Exception as error:
        return Run(way, seed, turn, 0.0, 0, wall, processor, f"{type(error).__name__}: {error}")
    return Run(way, seed, turn, accuracy, epochs, wall, processor)


def recorded(store: str) -> tuple[float, int]:
    """Test accuracy and epochs of the newest run of the store."""
    import mlflow

    client = mlflow.MlflowClient(store)
    experiment = client.get_experiment_by_name("time_to_accuracy")
    run = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"], max_results=1)[0]
    if run.info.status != "FINISHED":
        raise RuntimeError(f"the run is {run.info.status}")
    return run.data.metrics["test/accuracy"], int(run.data.params["trainer.epochs"])


def printed(text: str) -> tuple[float, int]:
    """Accuracy and number of the last epoch that the reference has told of."""
    last = json.loads(text.strip().splitlines()[-1])
    return last["accuracy"], last["epoch"]


def figures(runs: list[Run]) -> dict[str, dict[str, Any]]:
    """What the table says, by way."""
    found: dict[str, dict[str, Any]] = {}
    for way in dict.fromkeys(run.way for run in runs):
        mine = [run for run in runs if run.way == way]
        found[way] = {
            "runs": len(mine),
            "reached": sum(run.reached for run in mine),
            "accuracy": [run.accuracy for run in mine],
            "epochs": [run.epochs for run in mine],
            "wall": _spread([run.wall for run in mine]),
            "processor": _spread([run.processor for run in mine]),
        }
    return found


def table(runs: list[Run]) -> str:
    """The runs as Markdown, a line for each way."""
    lines = [
        "| command | reached its goal | test accuracy, %: median (least to most) | epochs | whole command, s "
        "| processor, s | reference / this |",
        "|---|---|---|---|---|---|---|",
    ]
    said = figures(runs)
    slow = said.get("reference 99.0")
    for way, one in said.items():
        accuracy = _shown(_spread([100 * value for value in one["accuracy"]]), 2)
        low, high = min(one["epochs"]), max(one["epochs"])
        epochs = str(low) if low == high else f"{low} to {high}"
        ratio = f"{slow['wall'][0] / one['wall'][0]:.1f}" if slow and way != "ours 99.4" else ""
        lines.append(
            f"| {way} | {one['reached']} of {one['runs']} | {accuracy} | {epochs} | {_shown(one['wall'], 1)} "
            f"| {_shown(one['processor'], 1)} | {ratio} |"
        )
    return "\n".join(lines)


def met(runs: list[Run]) -> bool:
    """Whether every goal that was measured is met: by the median accuracy and the median seconds."""
    said = figures(runs)
    good = all(statistics.median(one["accuracy"]) > GOALS[way] - 1e-6 for way, one in said.items())
    if {"ours 99.0", "reference 99.0"} <= said.keys():
        good &= said["reference 99.0"]["wall"][0] >= SHARE * said["ours 99.0"]["wall"][0]
    return good and said.get("ours 99.4", {"wall": [0.0]})["wall"][0] <= SECONDS


def _spread(values: list[float]) -> tuple[float, float, float]:
    return statistics.median(values), min(values), max(values)


def _shown(spread: tuple[float, float, float], digits: int) -> str:
    middle, low, high = (f"{value:.{digits}f}" for value in spread)
    return f"{middle} ({low} to {high})"


if __name__ == "__main__":
    sys.exit(main())
