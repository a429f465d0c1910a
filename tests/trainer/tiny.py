"""Trainings of a second: clouds of points, a small model, and a callback that remembers."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from rich.console import Console

from tfmlflow import trainer
from tfmlflow.data import Data, Task
from tfmlflow.data.pipeline import Pipeline
from tfmlflow.data.splits import from_arrays
from tfmlflow.hardware import Runtime
from tfmlflow.models import mlp

CPU = Runtime(("/device:CPU:0",))
CLASSES = 3


def clouds(task: Task = "multiclass", examples: int = 80, noise: float = 1.0, seed: int = 0) -> Data:
    """A cloud of points in four dimensions for each class; or the sum of the coordinates."""
    rng = np.random.default_rng(seed)
    y = np.arange(examples) % (2 if task == "binary" else CLASSES)
    x = (noise * rng.normal(size=(examples, 4)) + np.eye(4)[y] * 2).astype(np.float32)
    names = {"multiclass": ("a", "b", "c"), "binary": ("no", "yes"), "regression": ()}[task]
    target = x.sum(axis=1) if task == "regression" else y
    return from_arrays("clouds", x, target, task=task, class_names=names, test_share=0.2, validation_share=0.25)


class Memory(keras.callbacks.Callback):
    """Remembers weights and losses after each batch, and the logs of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[list[np.ndarray[Any, Any]]] = []
        self.losses: list[float] = []
        self.rates: list[float] = []
        self.epochs: list[dict[str, float]] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.weights.append(self.model.get_weights())
        self.losses.append(float((logs or {})["loss"]))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epochs.append({name: float(value) for name, value in (logs or {}).items()})
        self.rates.append(float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)))


def fit(
    data: Data,
    model: keras.Model | None = None,
    optimizer: keras.optimizers.Optimizer | None = None,
    objective: str = "val/loss",
    mode: str = "auto",
    batch_size: int = 12,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    memory: Memory | None = None,
    console: Console | None = None,
    runtime: Runtime = CPU,
    seed: int = 0,
    train: Callable[..., trainer.Fitted] = trainer.fit,
    augment: Any = None,
    **settings: Any,
) -> tuple[keras.Model, trainer.Fitted]:
    """Train as `run.py` does, three epochs unless told otherwise. 80 examples are 4 steps an epoch."""
    keras.utils.set_random_seed(seed)
    with runtime.scope():
        model = model or mlp.build(data, units=[6])
        optimizer = optimizer or keras.optimizers.Adam(0.05)
    fitted = train(
        model,
        optimizer,
        data,
        runtime,
        Pipeline(data.train, batch_size, seed, augment, classes=data.classes if data.task == "multiclass" else 0),
        trainer.Objective.of(objective, mode),
        batch_size,
        callbacks,
        [memory] if memory is not None else [],
        console or Console(file=io.StringIO()),
        **{"epochs": 3, **settings},
    )
    return model, fitted


def same(first: Sequence[Any], second: Sequence[Any]) -> bool:
    """Whether two lists of arrays are equal bit for bit."""
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second, strict=True))
