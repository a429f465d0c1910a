"""One turn of `tracking_overhead.py`, a process: every tracker once, each between two untracked trainings.

    python benchmarks/overhead_turn.py SETTINGS RESULT

What is compared stands in one process, a few seconds apart: two processes of the same program differ by more than the
2 % that are to be seen. The turns are processes of their own, so that no turn inherits what an earlier one has left.
Each training has a new model, and its first epoch (tracing, compiling) is not counted.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import delivery
import keras
import mlflow
import numpy as np
import peers
from keras import layers

from tfmlflow.datasets import mnist

UNTRACKED = "untracked"
EVERY_STEP = "ours, every step"
PER_STEP = "MlflowCallback, every step"
TRACKERS: dict[str, peers.Tracker] = {
    EVERY_STEP: functools.partial(peers.ours, log_every=1, checkpoint_every=None, log_model=False),
    "ours, a shipper that starts": functools.partial(peers.ours, log_every=1, checkpoint_every=None, log_model=False),
    "ours, checkpoint each epoch": functools.partial(peers.ours, log_every=1, checkpoint_every=1, log_model=False),
    "ours, as it comes (best model)": peers.ours,
    "MlflowCallback, each epoch": peers.callback,
    PER_STEP: functools.partial(peers.callback, log_every_epoch=False, log_every_n_steps=1),
    "keras.autolog, no model": functools.partial(peers.autolog, log_models=False),
    "keras.autolog, as it comes (last model)": peers.autolog,
}
COLD = {"ours, a shipper that starts"}
STEP_METRICS = ("batch/loss", "loss")


@dataclass(frozen=True)
class Workload:
    """What is trained.

    Attributes:
        kind: mlp or cnn.
        batch: Examples in a step.
        steps: In an epoch.
        epochs: That count, after the one that does not.
    """

    kind: str
    batch: int
    steps: int
    epochs: int

    def build(self) -> keras.Model:
        """A new model, compiled."""
        if self.kind == "mlp":
            hidden = [layers.Input((28, 28, 1)), layers.Flatten(), layers.Dense(128, "relu"), layers.Dense(64, "relu")]
        else:
            hidden = [layers.Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu")]
            hidden += [layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten()]
            hidden += [layers.Dense(64, "relu")]
        model = keras.Sequential([*hidden, layers.Dense(10, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model


@dataclass(frozen=True)
class Taken:
    """What one training took.

    Attributes:
        wall: Seconds of the epochs that count.
        cpu: Seconds of processor time of the training's process meanwhile.
        close: Seconds from the end of the last epoch until the store had everything.
        total_cpu: Seconds of processor time from the begin of what counts to then, our shipper's too.
        step: Median milliseconds of a step.
        delay: Milliseconds by which the slowest step within an epoch was slower than that.
        gap: Milliseconds between the last step of an epoch and the first of the next, the slowest.
        points: Of the loss of single steps in the store, all epochs.
    """

    wall: float
    cpu: float
    close: float
    total_cpu: float
    step: float
    delay: float
    gap: float
    points: int = 0


class Clock(keras.callbacks.Callback):
    """When steps begin and epochs end. It has no `on_train_batch_end`, with which Keras would wait for the metrics."""

    def __init__(self, shipper_cpu: Any) -> None:
        super().__init__()
        self._shipper_cpu = shipper_cpu
        self.begins: list[list[float]] = []
        self.ends: list[tuple[float, float, float]] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.begins.append([])

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.begins[-1].append(time.perf_counter())

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.ends.append((time.perf_counter(), time.process_time(), self._shipper_cpu()))

    def taken(self) -> Taken:
        """After everything is in the store."""
        now, cpu, shipper = time.perf_counter(), time.process_time(), self._shipper_cpu()
        first, last = self.ends[0], self.ends[-1]
        steps = np.concatenate([np.diff(begins) for begins in self.begins[1:]]) * 1000
        gaps = [(b[0] - a[-1]) * 1000 for a, b in zip(self.begins[1:], self.begins[2:], strict=False)]
        median = float(np.median(steps))
        return Taken(
            wall=last[0] - first[0],
            cpu=last[1] - first[1],
            close=now - last[0],
            total_cpu=cpu - first[1] + shipper - first[2],
            step=median,
            delay=float(steps.max()) - median,
            gap=max(gaps, default=0.0),
        )


def train(workload: Workload, x: np.ndarray, y: np.ndarray, tracker: peers.Tracker, shipper_cpu: Any) -> Taken:
    """One training."""
    gc.collect()
    model, clock = workload.build(), Clock(shipper_cpu)
    with tracker() as callbacks:
        model.fit(x, y, batch_size=workload.batch, epochs=1 + workload.epochs, verbose=0, callbacks=[*callbacks, clock])
    taken = clock.taken()
    keras.backend.clear_session()
    return taken


def points(uri: str) -> int:
    """How many values of the loss of single steps, or of epochs, the newest run has."""
    client = mlflow.MlflowClient(uri)
    (run,) = client.search_runs(["0"], order_by=["attributes.start_time DESC"], max_results=1)
    names = [name for name in STEP_METRICS if name in run.data.metrics]
    return len(client.get_metric_history(run.info.run_id, names[0])) if names else 0


def turn(workload: Workload, uri: str, data: Path, trackers: list[str], folder: Path) -> dict[str, Any]:
    """Every tracker once, with what the untracked training before and after it took."""
    mlflow.set_tracking_uri(uri)
    mlflow.MlflowClient(uri).search_experiments(max_results=1)  # a new database is made ready, for everybody
    train_data = mnist.load(str(data)).train
    size = workload.batch * workload.steps
    x, y = train_data.x[:size].astype("float32") / 255.0, train_data.y[:size]
    train(workload, x, y, peers.untracked, float)  # the process warms up
    before, results = train(workload, x, y, peers.untracked, float), {}
    for number, name in enumerate(trackers):
        if name.startswith("ours"):
            with delivery.Shipper(uri, folder / f"spool-{number}", warm=name not in COLD) as shipper:
                taken = train(workload, x, y, TRACKERS[name], lambda shipper=shipper: shipper.cpu)
        else:
            taken = train(workload, x, y, TRACKERS[name], float)
        after = train(workload, x, y, peers.untracked, float)
        taken = Taken(**asdict(taken) | {"points": points(uri)})
        results[name] = {"taken": asdict(taken), "untracked": [asdict(before), asdict(after)]}
        before = after
    return results


def main() -> None:
    """As the parent says."""
    settings = json.loads(sys.argv[1])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        results = turn(
            Workload(**settings["workload"]),
            settings["uri"],
            Path(settings["data"]),
            settings["trackers"],
            Path(folder),
        )
        Path(sys.argv[2]).write_text(json.dumps(results))


if __name__ == "__main__":
    main()
