"""Params of a training whose config we don't have: what the compiled model tells of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from tfmlflow.objective import Objective
from tfmlflow.tracking.provenance.fit_call import FitCall


def of(model: keras.Model, fit: Mapping[str, Any], objective: Objective, call: FitCall) -> dict[str, Any]:
    """Nested params under the names that a composed experiment uses.

    Args:
        model: Compiled.
        fit: What Keras tells callbacks of the `fit`: epochs, steps.
        objective: Decides the best epoch.
        call: How `fit` was called.
    """
    own = {name: value for name, value in vars(model).items() if isinstance(value, keras.optimizers.Optimizer)}
    several = {name: _optimizer(value) for name, value in own.items() if name.strip("_") != "optimizer"}
    # `compile` without an argument sets one that a step of the model's own with its own optimizers has no use for.
    unused = model.optimizer is None or (several and type(model).train_step is not keras.Model.train_step)
    return {
        # A model of somebody's own may have no variables before its first batch.
        "model": {"name": model.name} | ({"parameters": model.count_params()} if model.built else {}),
        "optimizer": several if unused else _optimizer(model.optimizer) | several,
        "data": {"batch_size": call.batch_size} if call.batch_size is not None else {},
        "trainer": {
            "epochs": fit.get("epochs"),
            "steps_per_epoch": fit.get("steps"),
            "steps_per_execution": model.steps_per_execution,
            "loss": "of the model's own train_step" if model.loss is None else _named(model.loss),
            **call.settings,
        },
        "objective": {"metric": objective.metric, "mode": objective.mode},
    }


def _optimizer(optimizer: Any) -> dict[str, Any]:
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    settings = {key: value for key, value in inner.get_config().items() if key != "name"}
    rate = settings.get("learning_rate")
    if isinstance(rate, dict):
        config = rate.get("config", {})
        settings["learning_rate"] = config.get("initial_learning_rate", rate.get("class_name"))
        settings["schedule"] = rate.get("class_name")
    return {"name": type(inner).__name__.lower(), **settings}


def _named(loss: Any) -> str:
    """A loss, or the losses of several outputs, by name."""
    if isinstance(loss, Mapping):
        return ", ".join(f"{output}: {_named(each)}" for output, each in loss.items())
    if isinstance(loss, Sequence) and not isinstance(loss, str):
        return ", ".join(_named(each) for each in loss)
    return loss if isinstance(loss, str) else str(getattr(loss, "name", type(loss).__name__))
