"""Training with Keras's own `fit`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import keras
from rich.console import Console

from tfmlflow.data.pipeline import Pipeline
from tfmlflow.data.record import Data
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.objective import Objective
from tfmlflow.trainer.fitting import Fitted, Fitting, History, keras_fit
from tfmlflow.trainer.settings import Settings
from tfmlflow.trainer.steps.loop import Loop

log = logging.getLogger(__name__)


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

    Where Keras cannot, over several processes, the steps are taken by our own loop.

    Args:
        model, optimizer, data, runtime, pipeline, objective, batch_size, callbacks, tracking, console: As of `Fitting`.
        settings: As of `Settings`, in conf/trainer/fit.yaml.
    """
    if runtime.workers > 1:
        log.warning("Keras's fit does not train over several processes; the loop of trainer=loop takes its steps")
        train: Callable[[Fitting], History] = lambda fitting: Loop(fitting).train()  # noqa: E731
    else:
        train = keras_fit
    parts = (model, optimizer, data, runtime, pipeline, objective, batch_size, callbacks, tracking, console)
    return Fitting(*parts, Settings(**settings)).run(train)
