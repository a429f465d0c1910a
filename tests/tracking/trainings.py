"""Small trainings whose values are known: somebody's own script, with a store and a spool of its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pyarrow.parquet as pq
from mlflow import MlflowClient

import tfmlflow
from tests import stores
from tfmlflow.tracking.shipper import inline

STEPS, BATCH = 25, 64  # an epoch: 1,600 examples
VARIABLES = ("TFMLFLOW_SPOOL", "TFMLFLOW_SHIPPER_IDLE", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID")


@contextlib.contextmanager
def own_store(folder: Path, uri: str | None = None, processes: bool = True) -> Iterator[str]:
    """The store that trainings write to meanwhile; its files and the spool lie in `folder`.

    Their shipper is a thread, unless it is to be a process of its own.
    """
    before, variables = mlflow.get_tracking_uri(), {name: os.environ.get(name) for name in VARIABLES}
    os.environ |= {"TFMLFLOW_SPOOL": str(folder / "spool"), "TFMLFLOW_SHIPPER_IDLE": "4"}
    os.environ.pop("MLFLOW_EXPERIMENT_ID", None)
    mlflow.set_tracking_uri(uri or stores.ready(folder))
    if uri is None:
        MlflowClient().create_experiment("own", artifact_location=str(folder / "artifacts"))
    mlflow.set_experiment("own")
    try:
        with contextlib.nullcontext() if processes else inline.shippers():
            yield mlflow.get_tracking_uri()
    finally:
        mlflow.set_tracking_uri(before)
        for name, value in variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def examples() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """1,600 that a small model can learn."""
    x = np.random.default_rng(0).normal(size=(STEPS * BATCH, 8)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("float32")[:, None]


def compiled(optimizer: Any = None, kind: type[keras.Model] = keras.Model, **kwargs: Any) -> keras.Model:
    """A small model, the same one each time."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8,))
    hidden = keras.layers.Dense(16, "relu")(inputs)
    model = kind(inputs, keras.layers.Dense(1, "sigmoid")(hidden))
    model.compile(optimizer or keras.optimizers.Adam(0.01), **{"loss": "binary_crossentropy"} | kwargs)
    return model


class Scripted(keras.callbacks.Callback):
    """Makes the epochs' objective what the test wants it to be; stands before the callback that is tested."""

    def __init__(self, values: Sequence[float], name: str = "val_loss") -> None:
        super().__init__()
        self._values, self._name = values, name

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs[self._name] = self._values[epoch]


class Kept(keras.callbacks.Callback):
    """Remembers the weights after each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: dict[int, list[np.ndarray[Any, Any]]] = {}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.weights[epoch + 1] = self.model.get_weights()


def fitted(model: keras.Model, epochs: int = 1, before: Any = (), fit: Any = None, **kwargs: Any) -> Any:
    """Train in order, with the callbacks `before` and then ours; returns ours."""
    callback = tfmlflow.TrackingCallback(
        **{"log_every": 1, "system_metrics": False, "log_model": False, "checkpoint_every": None, "report": False}
        | kwargs
    )
    x, y = examples()
    model.fit(
        *(x, y),
        **{"epochs": epochs, "batch_size": BATCH, "shuffle": False, "verbose": 0, "callbacks": [*before, callback]}
        | (fit or {}),
    )
    return callback


def points(run_id: str, key: str) -> list[tuple[int, float]]:
    """(step, value) in the store."""
    return [(point.step, point.value) for point in MlflowClient().get_metric_history(run_id, key)]


def in_history(run_id: str, key: str) -> list[tuple[int, float]]:
    """(step, value) in `history.parquet`."""
    table = pq.read_table(MlflowClient().download_artifacts(run_id, "history.parquet"))
    columns = zip(*(table[name].to_pylist() for name in ("key", "step", "value")), strict=True)
    return [(step, value) for name, step, value in columns if name == key]


def artifacts(run_id: str, path: str = "") -> set[str]:
    """All files of a run in the store."""
    found: set[str] = set()
    for entry in MlflowClient().list_artifacts(run_id, path):
        found |= artifacts(run_id, entry.path) if entry.is_dir else {entry.path}
    return found
