"""Training with Keras's own `fit`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from rich.console import Console

from tfmlflow.data.pipeline import Pipeline, example, in_order
from tfmlflow.data.record import Data, Split
from tfmlflow.errors import UsageError
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.trainer import execution, losses
from tfmlflow.trainer.average import AveragedWeights
from tfmlflow.trainer.best import BestWeights
from tfmlflow.trainer.metrics import build as build_metrics
from tfmlflow.trainer.nan import StopOnNaN
from tfmlflow.trainer.objective import Objective
from tfmlflow.trainer.progress import EpochLines


@dataclass(frozen=True)
class Fitted:
    """How a training ended; the model holds the best epoch's weights.

    Attributes:
        reason: completed, early_stopping or nan.
        epochs: Epochs that were trained.
        best_epoch: From 1; None if no epoch's objective was a number.
        best: The best epoch's metrics, by Keras's names.
        last: The last epoch's.
    """

    reason: str
    epochs: int
    best_epoch: int | None
    best: Mapping[str, float]
    last: Mapping[str, float]


def fit(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    data: Data,
    runtime: Runtime,
    pipeline: Pipeline,
    objective: Objective,
    batch_size: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    tracking: Sequence[keras.callbacks.Callback] = (),
    console: Console | None = None,
    *,
    epochs: int,
    steps_per_execution: int | str = "auto",
    jit_compile: bool | str = "auto",
    loss: Any = "auto",
    metrics: Any = "auto",
    label_smoothing: float = 0.0,
    class_weight: str | Mapping[Any, float] | None = None,
    early_stopping: Mapping[str, Any] | None = None,
    stop_on_nan: bool = True,
    progress: str = "auto",
) -> Fitted:
    """Compile and train `model`, and put the weights of the best epoch into it.

    Args:
        model, optimizer: Built under `runtime.scope()`.
        data: Validation data, task and classes.
        runtime: Where to train.
        pipeline: Training batches.
        objective: Decides the best epoch and early stopping.
        batch_size: For validation.
        callbacks: That steer the training; they run before those that watch it.
        tracking: That watch it.
        console: For progress.
        epochs, steps_per_execution, jit_compile, loss, metrics, label_smoothing, class_weight, early_stopping,
            stop_on_nan, progress: As in conf/trainer/fit.yaml.
    """
    if runtime.replicas > 1:
        synchronize_batch_norm(model)
    with runtime.scope():
        ensure_built(model, data)
        compile_model(model, optimizer, data, loss, metrics, label_smoothing)
        model.steps_per_execution = execution.steps_per_execution(
            steps_per_execution, model, batch_size, pipeline.steps, runtime.can_group_steps
        )
        model.jit_compile = execution.jit_compile(jit_compile, model, pipeline.steps * epochs, runtime.replicas)
        if runtime.replicas > 1:
            build_symbolically(model, data)
    objective.require(metric_names(model))
    best, nan = BestWeights(objective), StopOnNaN()
    lines = EpochLines(console or Console(markup=False, highlight=False), progress)
    steering: list[keras.callbacks.Callback] = [pipeline]
    if getattr(getattr(optimizer, "inner_optimizer", optimizer), "use_ema", False):
        steering.append(AveragedWeights())
    steering += [*callbacks, best]
    stopper = early_stopper(objective, **(early_stopping or {}))
    if stopper is not None:
        steering.append(stopper)
    if stop_on_nan:
        steering.append(nan)
    try:
        history = model.fit(
            pipeline.dataset,
            epochs=epochs,
            validation_data=in_order(data.validation, batch_size),
            class_weight=class_weights(class_weight, data),
            callbacks=[*steering, *tracking, lines],
            shuffle=False,  # the pipeline shuffles
            verbose=0,
        ).history
    finally:
        lines.stop()
    best.restore()
    trained = len(history.get("loss", ()))
    stopped_early = stopper is not None and stopper.stopped_epoch > 0
    return Fitted(
        reason="nan" if nan.epoch is not None else "early_stopping" if stopped_early else "completed",
        epochs=trained,
        best_epoch=best.epoch,
        best=best.logs,
        last={name: float(values[-1]) for name, values in history.items() if values},
    )


def ensure_built(model: keras.Model, data: Data) -> None:
    """Give a model that waits for its first batch its variables."""
    if not model.built:
        model(example(data.train))


def require(
    data: Data,
    objective: Objective,
    loss: Any = "auto",
    metrics: Any = "auto",
    label_smoothing: float = 0.0,
    class_weight: str | Mapping[Any, float] | None = None,
    **_: Any,
) -> None:
    """Refuse settings of the trainer that do not fit the data, before anything is built or recorded.

    What is given by a `_target_` is known only once it is made, and is let pass.

    Raises:
        UsageError: An unknown loss or metric, or an objective that the training will not give.
    """
    class_weights(class_weight, data)
    if isinstance(loss, str):
        losses.build(loss, data, label_smoothing)
    if all(isinstance(metric, str) for metric in metrics):
        objective.require(["loss", *(metric.name for metric in build_metrics(metrics, data))])


def compile_model(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer | str,
    data: Data,
    loss: Any = "auto",
    chosen_metrics: Any = "auto",
    label_smoothing: float = 0.0,
) -> None:
    """`model.compile` with loss and metrics that fit the task of `data`."""
    model.compile(
        optimizer=optimizer,
        loss=losses.build(loss, data, label_smoothing),
        metrics=build_metrics(chosen_metrics, data),
        jit_compile=False,
    )


def evaluate(model: keras.Model, split: Split, batch_size: int) -> dict[str, float]:
    """Loss and metrics of a compiled model on a split, by Keras's names."""
    results = model.evaluate(in_order(split, batch_size), verbose=0, return_dict=True)
    return {name: float(value) for name, value in results.items()}


def metric_names(model: keras.Model) -> list[str]:
    """Names under which a compiled model will report."""
    return ["loss", *(metric.name for metric in model._compile_metrics._user_metrics)]


def synchronize_batch_norm(model: keras.Model) -> None:
    """Let replicas share batch statistics; each with its own, the saved model would differ from the history."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def build_symbolically(model: keras.Model, data: Data) -> None:
    """Build loss and metrics from the data's shapes.

    Keras would average the replicas' shares of a first batch for that, which fails where they differ in size.
    """
    x = keras.KerasTensor((None, *data.input_shape), data.input_dtype)
    y = keras.KerasTensor((None, *data.train.y.shape[1:]), str(data.train.y.dtype))
    model._symbolic_build(data_batch=(x, y))
    object.__setattr__(model, "_maybe_symbolic_build", lambda **_: None)


def early_stopper(
    objective: Objective, patience: int | None = None, min_delta: float = 0.0, start_from_epoch: int = 0
) -> keras.callbacks.EarlyStopping | None:
    """Keras's early stopping on the objective, or None without `patience`."""
    if patience is None:
        return None
    return keras.callbacks.EarlyStopping(
        monitor=objective.monitor,
        mode=objective.mode,
        patience=patience,
        min_delta=min_delta,
        start_from_epoch=start_from_epoch,
    )


def class_weights(wanted: str | Mapping[Any, float] | None, data: Data) -> dict[int, float] | None:
    """Weight of each class: None, as given, or inversely to how often it occurs (`balanced`)."""
    if wanted is None:
        return None
    if data.task == "regression":
        raise UsageError(f"trainer.class_weight={wanted}: data={data.name} is a regression and has no classes")
    if wanted == "balanced":
        counts = np.bincount(data.train.y.ravel(), minlength=data.classes)
        return {i: float(len(data.train) / (data.classes * count)) if count else 0.0 for i, count in enumerate(counts)}
    if isinstance(wanted, str):
        raise UsageError(f"trainer.class_weight={wanted}: use balanced, null, or {{class: weight}}")
    names = {name: i for i, name in enumerate(data.class_names)}
    weights = {names.get(str(key), key): float(value) for key, value in wanted.items()}
    if unknown := [key for key in weights if key not in range(data.classes)]:
        raise UsageError(f"trainer.class_weight: classes are 0 to {data.classes - 1}, not {unknown}")
    return {i: weights.get(i, 1.0) for i in range(data.classes)}
