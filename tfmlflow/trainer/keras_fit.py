"""Training with Keras's own `fit`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from rich.console import Console

from tfmlflow.data.pipeline import Pipeline, in_order
from tfmlflow.data.record import Data, Split
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.objective import Objective
from tfmlflow.trainer import execution, values
from tfmlflow.trainer.average import AveragedWeights
from tfmlflow.trainer.best import BestWeights
from tfmlflow.trainer.class_weights import class_weights
from tfmlflow.trainer.compiling import (
    build_symbolically,
    compile_model,
    ensure_built,
    metric_names,
    synchronize_batch_norm,
)
from tfmlflow.trainer.progress import EpochLines
from tfmlflow.trainer.stopping import PruningCallback, StopOnNaN, StopOnRequest
from tfmlflow.trainer.vectors import VectorMetrics
from tfmlflow.vocabulary import EndReason


@dataclass(frozen=True)
class Fitted:
    """How a training ended; the model holds the best epoch's weights.

    Attributes:
        reason: completed, early_stopping, pruned or nan.
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
    steering: list[keras.callbacks.Callback] = [pipeline, VectorMetrics(objective, data.class_names)]
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
    pruned = any(isinstance(one, PruningCallback) and one.epoch is not None for one in callbacks)
    told = next((one.reason for one in callbacks if isinstance(one, StopOnRequest) and one.reason is not None), None)
    lost = nan.epoch is not None or not math.isfinite(history.get("loss", [0.0])[-1])
    early = EndReason.PRUNED if pruned else EndReason.EARLY_STOPPING if stopped_early else EndReason.COMPLETED
    return Fitted(
        reason=EndReason.NAN if lost else told or early,
        epochs=trained,
        best_epoch=best.epoch,
        best=best.logs,
        last=values.scalars({name: said[-1] for name, said in history.items() if said}),
    )


def evaluate(model: keras.Model, split: Split, batch_size: int) -> dict[str, float]:
    """Loss and metrics of a compiled model on a split, by Keras's names."""
    return values.scalars(model.evaluate(in_order(split, batch_size), verbose=0, return_dict=True))


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
