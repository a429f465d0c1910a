"""Trainings by a chief, one worker and one server of this process, beside those of the loop: a script.

Prints for each of `CASES` what both have told, as JSON.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from tests.trainer.tiny import CPU, clouds
from tfmlflow import trainer
from tfmlflow.data import Data
from tfmlflow.data.augment import geometric
from tfmlflow.data.pipeline import Pipeline
from tfmlflow.data.splits import from_arrays
from tfmlflow.hardware import Runtime
from tfmlflow.hardware.parameter_server import Coordinator, free_port
from tfmlflow.job.cluster import Cluster

EPOCHS = 2


def weighted(data: Data) -> Data:
    """The same, each example with a weight of its own, also where it is measured."""
    chance = np.random.default_rng(4)
    splits = {
        name: replace(split, weight=chance.uniform(0, 3, len(split)).astype(np.float32))
        for name, split in (("train", data.train), ("validation", data.validation), ("test", data.test))
    }
    return replace(data, **splits)


def named() -> Data:
    """Two inputs by name, of several shapes and dtypes."""
    chance = np.random.default_rng(2)
    y = np.arange(80) % 3
    x = {
        "numbers": (chance.normal(size=(80, 4)) + np.eye(4)[y]).astype(np.float32),
        "picture": (chance.integers(0, 99, (80, 5, 5, 1)) + 60 * y[:, None, None, None]).astype(np.uint8),
    }
    return from_arrays("named", x, y, task="multiclass", test_share=0.2, validation_share=0.25)


def squares() -> Data:
    """Pictures."""
    whole = named()
    return replace(
        whole,
        input_shape=(5, 5, 1),
        **{
            name: replace(split, x=split.x["picture"])  # type: ignore[call-overload]
            for name, split in (("train", whole.train), ("validation", whole.validation), ("test", whole.test))
        },
    )


def model_of(data: Data) -> keras.Model:
    given = data.inputs or {"x": None}
    inputs = {name: keras.Input(one.shape if one else data.input_shape, name=name) for name, one in given.items()}
    flat = [keras.layers.Flatten()(one) for one in inputs.values()]
    x = keras.layers.Dense(6, "relu")(keras.layers.concatenate(flat) if len(flat) > 1 else flat[0])
    last = (data.classes, "softmax") if data.task == "multiclass" else (data.outputs, None)
    return keras.Model(inputs if data.inputs else inputs["x"], keras.layers.Dense(*last)(x))


CASES: dict[str, tuple[Callable[[], Data], Any, dict[str, Any]]] = {
    "plain": (clouds, None, {}),
    "weights": (lambda: weighted(clouds("regression")), None, {}),
    "class weights": (clouds, None, {"class_weight": {"a": 3.0, "b": 0.5}}),
    "named, with weights": (lambda: weighted(named()), None, {"metrics": ["accuracy", "f1"]}),
    "mixed, with class weights": (clouds, geometric(mixup=0.4), {"class_weight": "balanced"}),
    "mixed, with weights": (lambda: weighted(squares()), geometric(mixup=0.4, cutmix=1.0), {}),
}


def trained(case: str, runtime: Runtime) -> dict[str, Any]:
    """Losses, metrics and weights of a training."""
    make, augment, settings = CASES[case]
    data = make()
    keras.utils.set_random_seed(1)
    with runtime.scope():
        model, optimizer = model_of(data), keras.optimizers.SGD(0.02, momentum=0.9)
    classes = data.classes if data.task == "multiclass" else 0
    fitted = trainer.loop(
        model,
        optimizer,
        data,
        runtime,
        Pipeline(data.train, 12, 0, augment, classes=classes),
        trainer.Objective.of("val/loss"),
        12,
        console=Console(file=io.StringIO()),
        **{"epochs": EPOCHS, **settings},
    )
    history = {key: list(map(float, said)) for key, said in model.history.history.items()}
    test = trainer.evaluate(model, data.test, 12, runtime)
    assert fitted.epochs == EPOCHS
    return {
        "history": history,
        "test": {key: float(value) for key, value in test.items()},
        "weights": [float(np.sum(np.abs(value))) for value in model.get_weights()],
    }


class Here:
    """Who is there: everybody, always."""

    def __init__(self) -> None:
        self.left: list[str] = []

    def here(self, kind: str) -> list[str]:
        return [f"{kind} 0"]

    def close(self, over: bool = False) -> None:
        pass


def coordinated() -> Runtime:
    """A worker and a server in this process, and who hands out to them."""
    places = {task: [f"127.0.0.1:{free_port()}"] for task in ("chief", "worker", "ps")}
    spec = tf.train.ClusterSpec(places)
    for task in ("worker", "ps"):
        tf.distribute.Server(spec, task, 0, protocol="grpc")
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        spec, task_type="chief", task_id=0, rpc_layer="grpc"
    )
    strategy = tf.distribute.ParameterServerStrategy(resolver)
    cluster = Cluster(tuple(places["worker"]), servers=tuple(places["ps"]), chief=places["chief"][0], task="chief")
    coordinator = Coordinator(strategy, Here(), cluster, 30.0)  # type: ignore[arg-type]
    return Runtime(("/job:worker/task:0",), strategy=strategy, coordinator=coordinator)


def main() -> None:
    told: dict[str, Any] = {case: {"alone": trained(case, CPU)} for case in CASES}
    runtime = coordinated()
    for case in CASES:
        told[case]["by a worker"] = trained(case, runtime)
    Path(sys.argv[1]).write_text(json.dumps(told))


if __name__ == "__main__":
    main()
