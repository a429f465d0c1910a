"""Training with Keras's own `fit`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from rich.console import Console

from tfmlflow.data.pipeline import Pipeline
from tfmlflow.data.record import Data
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.objective import Objective
from tfmlflow.trainer.fitting import Fitted, Fitting, History
from tfmlflow.trainer.settings import Settings


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
    **settings: Any,
) -> Fitted:
    """Compile and train `model` by `model.fit`, and put the weights of the best epoch into it.

    Args:
        model, optimizer, data, runtime, pipeline, objective, batch_size, callbacks, tracking, console: As of `Fitting`.
        settings: As of `Settings`, in conf/trainer/fit.yaml.
    """
    parts = (model, optimizer, data, runtime, pipeline, objective, batch_size, callbacks, tracking, console)
    return Fitting(*parts, Settings(**settings)).run(_fit)


def _fit(fitting: Fitting) -> History:
    history: History = fitting.model.fit(
        fitting.pipeline.dataset,
        epochs=fitting.settings.epochs,
        validation_data=fitting.validation,
        class_weight=fitting.class_weight,
        callbacks=fitting.callbacks,
        shuffle=False,  # the pipeline shuffles
        verbose=0,
    ).history
    return history
