"""What every training has in common, whoever takes its steps: the compiled model, the callbacks, and what came out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console

from tfmlflow.data.pipeline import Pipeline, in_order
from tfmlflow.data.record import Data
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.objective import Objective
from tfmlflow.trainer import execution, values
from tfmlflow.trainer.callbacks.average import AveragedWeights
from tfmlflow.trainer.callbacks.best import BestWeights
from tfmlflow.trainer.callbacks.going_on import GoOn
from tfmlflow.trainer.callbacks.progress import EpochLines
from tfmlflow.trainer.callbacks.stopping import PruningCallback, StopOnNaN, StopOnRequest
from tfmlflow.trainer.callbacks.vectors import VectorMetrics
from tfmlflow.trainer.class_weights import class_weights
from tfmlflow.trainer.compiling import (
    build_symbolically,
    compile_model,
    ensure_built,
    metric_names,
    synchronize_batch_norm,
)
from tfmlflow.trainer.phases.phases import Phases
from tfmlflow.trainer.settings import Settings
from tfmlflow.vocabulary import EndReason

History = Mapping[str, Sequence[Any]]
"""The value of each epoch, by Keras's name of the metric."""


@dataclass(frozen=True)
class Fitted:
    """How a training ended; the model holds the best epoch's weights.

    Attributes:
        reason: completed, early_stopping, pruned or nan.
        epochs: Epochs that were trained.
        best_epoch: From 1; None if no epoch's objective was a number.
        best: The best epoch's metrics, by Keras's names.
        last: The last epoch's.
        said: How it ended, where that is more than the reason tells.
    """

    reason: str
    epochs: int
    best_epoch: int | None
    best: Mapping[str, float]
    last: Mapping[str, float]
    said: str = ""


class Fitting:
    """A model compiled as the settings say, and everything that is to happen around its steps.

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
        groups: Whether several steps in one call are possible whatever the strategy, as they are not under `fit`.
        named: As of `Settings`.

    Attributes:
        validation: Batches of the validation examples; None: there is no validation.
        class_weight: Weight of each class, or None.
        phases: Of the training, or None where it has but one.
        callbacks: All of them, in the order in which they are to be called.
    """

    def __init__(
        self,
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
        groups: bool = False,
        **named: Any,
    ) -> None:
        settings = Settings(**named)
        self.model, self.data, self.runtime = model, data, runtime
        self.pipeline, self.settings, self.batch_size = pipeline, settings, batch_size
        self.validation: tf.data.Dataset | None = in_order(data.validation, batch_size, runtime.share)
        self.class_weight = class_weights(settings.class_weight, data)
        self.phases = next((one for one in callbacks if isinstance(one, Phases)), None)
        self._compile(optimizer, data, batch_size, groups or runtime.can_group_steps)
        objective.require(metric_names(model))
        self._best, self._nan = BestWeights(objective), StopOnNaN()
        self._lines = EpochLines(console or Console(markup=False, highlight=False), settings.progress)
        if self.phases is not None and settings.progress != "none":
            self.phases.console = console
        self._stopper = early_stopper(objective, **settings.early_stopping)
        self._given = list(callbacks)
        for one in (*callbacks, *tracking):
            if hasattr(one, "kept_best"):
                one.kept_best = self._best
        steering: list[keras.callbacks.Callback] = [pipeline, VectorMetrics(objective, data.class_names)]
        if getattr(getattr(optimizer, "inner_optimizer", optimizer), "use_ema", False):
            steering.append(AveragedWeights())
        steering += [*callbacks, self._best]
        steering += [self._stopper] if self._stopper is not None else []
        steering += [self._nan] if settings.stop_on_nan else []
        self.callbacks = [*steering, *tracking, self._lines]
        for one in callbacks:
            if isinstance(one, GoOn):
                one.others = self.callbacks
            if hasattr(one, "fitting"):  # who measures the training has to know all of it
                one.fitting = self

    def _compile(self, optimizer: keras.optimizers.Optimizer, data: Data, batch_size: int, groups: bool) -> None:
        model, runtime, settings, pipeline = self.model, self.runtime, self.settings, self.pipeline
        if runtime.replicas > 1:
            synchronize_batch_norm(model)
        with runtime.scope():
            ensure_built(model, data)
            chosen = settings.loss, settings.metrics, settings.label_smoothing
            compile_model(model, optimizer, data, *chosen, mixed=pipeline.mixes)
            if self.phases is not None:
                self.phases.begin(model)
            model.steps_per_execution = execution.steps_per_execution(
                settings.steps_per_execution, model, batch_size, pipeline.steps, groups
            )
            steps = pipeline.steps * settings.epochs
            model.jit_compile = execution.jit_compile(settings.jit_compile, model, steps, runtime.replicas)
            if runtime.replicas > 1:
                build_symbolically(model, data)

    def only_steps(self) -> None:
        """Nothing comes of this training but its steps: no validation, and no epoch is the best."""
        self.validation, self._best.idle = None, True

    def run(self, train: Callable[[Fitting], History]) -> Fitted:
        """Train, and put the weights of the best epoch into the model.

        Args:
            train: Takes the steps, with the callbacks; gives the history.
        """
        try:
            history = train(self)
        finally:
            self._lines.stop()
        self._best.restore()
        return Fitted(
            reason=self._reason(history),
            epochs=self._earlier + max(map(len, history.values()), default=0),
            best_epoch=self._best.epoch,
            best=self._best.logs,
            last=values.scalars({name: said[-1] for name, said in history.items() if said}),
        )

    @property
    def _earlier(self) -> int:
        """Epochs of an earlier process."""
        return sum(one.before.epoch for one in self._given if isinstance(one, GoOn) and one.before is not None)

    def _reason(self, history: History) -> str:
        lost = values.number((history.get("loss") or [0.0])[-1])
        if self._nan.epoch is not None or (lost is not None and not math.isfinite(lost)):
            return EndReason.NAN
        if told := next((one.reason for one in self._given if isinstance(one, StopOnRequest) and one.reason), None):
            return told
        if any(isinstance(one, PruningCallback) and one.epoch is not None for one in self._given):
            return EndReason.PRUNED
        early = self._stopper is not None and self._stopper.stopped_epoch > 0
        return EndReason.EARLY_STOPPING if early else EndReason.COMPLETED


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
