"""The training of `faults.py`: a small Keras model at a known pace, under one tracker. Says where it is, one a line.

python benchmarks/fault_training.py OPTIONS

BEGUN t      the tracker is about to begin; t in seconds since 1970
EPOCH n      an epoch is over, and everybody has been told
LAST t       the last step or validation is done, or what ends the training is about to happen
HELD s       how long the training stood still for the tracker
EPOCH's metrics are appended to the file `metrics`, one JSON a line, as Keras gives them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import keras
import numpy as np
import peers
from keras import layers

TRACKERS: dict[str, peers.Tracker] = {"ours": peers.ours, "MlflowCallback": peers.callback, "autolog": peers.autolog}
STEPS = 10  # of an epoch
USUAL = 0.25  # seconds between two events that are nobody's fault


def say(*words: object) -> None:
    """One line."""
    print(*words, flush=True)


class Pace(keras.callbacks.Callback):
    """Slows the steps down and measures what stands between them."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self._options, self._pause = options, options["seconds"] / options["epochs"] / STEPS
        self._last, self._held, self._start = time.perf_counter(), 0.0, 0.0
        self._tracing = {"train", "test"}  # what is still to be traced, and takes its time

    def _event(self, first: str | None = None) -> None:
        now = time.perf_counter()
        if first not in self._tracing:
            self._held += max(0.0, now - self._last - USUAL)
        self._tracing.discard(first or "")
        self._last = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._event()
        if epoch == 0:
            self._start, self._held = self._held, 0.0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._event("train" if batch == 1 else None if batch else "iterator")
        time.sleep(self._pause)
        self._last = time.perf_counter()

    def on_test_begin(self, logs: Any = None) -> None:
        self._event()

    def on_test_end(self, logs: Any = None) -> None:
        self._event("test")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._event()
        with Path("metrics").open("a") as stream:
            stream.write(json.dumps({name: value for name, value in logs.items() if np.ndim(value) == 0}) + "\n")
        number = epoch + 1
        if number == self._options.get("nan_at"):
            self.model.set_weights([np.full_like(weight, np.nan) for weight in self.model.get_weights()])
        if number in (self._options["epochs"], self._options.get("fail_at")):
            say("LAST", time.time())
            say("HELD", self._start, self._held)
        say("EPOCH", number)
        if number == self._options.get("fail_at"):
            raise RuntimeError("the training has an error of its own")


def main() -> None:
    """One fit."""
    options = json.loads(sys.argv[1])
    random = np.random.default_rng(0)
    x = random.normal(size=(32 * STEPS, 20)).astype("float32")
    y = (x[:, :2].sum(1) > 0).astype("int64")
    model = keras.Sequential([layers.Input((20,)), layers.Dense(16, "relu"), layers.Dense(2, "softmax")])
    metrics = [keras.metrics.SparseCategoricalAccuracy(name=options.get("metric", "accuracy"))]
    loss = "sparse_categorical_crossentropy"
    if options.get("vector"):
        y, loss, metrics = np.eye(2, dtype="float32")[y], "categorical_crossentropy", [keras.metrics.F1Score()]
    model.compile("adam", loss, metrics=metrics)
    say("BEGUN", time.time())
    pace = Pace(options)
    with TRACKERS[options["tracker"]]() as callbacks:
        model.fit(
            x,
            y,
            batch_size=32,
            epochs=options["epochs"],
            validation_data=(x, y),
            verbose=0,
            callbacks=[*callbacks, pace],
        )


if __name__ == "__main__":
    main()
