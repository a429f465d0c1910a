"""Params of a training whose config we don't have: what the compiled model tells of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from tfmlflow.trainer.objective import Objective


def of(model: keras.Model, fit: Mapping[str, Any], objective: Objective) -> dict[str, Any]:
    """Nested params under the names that a composed experiment uses.

    Args:
        model: Compiled.
        fit: What Keras tells callbacks of the `fit`: epochs, steps.
        objective: Decides the best epoch.
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    settings = {key: value for key, value in optimizer.get_config().items() if key != "name"}
    rate = settings.get("learning_rate")
    if isinstance(rate, dict):
        config = rate.get("config", {})
        settings["learning_rate"] = config.get("initial_learning_rate", rate.get("class_name"))
        settings["schedule"] = rate.get("class_name")
    loss = model.loss
    return {
        # A model of somebody's own may have no variables before its first batch.
        "model": {"name": model.name} | ({"parameters": model.count_params()} if model.built else {}),
        "optimizer": {"name": type(optimizer).__name__.lower(), **settings},
        "trainer": {
            "epochs": fit.get("epochs"),
            "steps_per_epoch": fit.get("steps"),
            "steps_per_execution": model.steps_per_execution,
            "loss": _named(loss),
        },
        "objective": {"metric": objective.metric, "mode": objective.mode},
    }


def _named(loss: Any) -> str:
    """A loss, or the losses of several outputs, by name."""
    if isinstance(loss, Mapping):
        return ", ".join(f"{output}: {_named(each)}" for output, each in loss.items())
    if isinstance(loss, Sequence) and not isinstance(loss, str):
        return ", ".join(_named(each) for each in loss)
    return loss if isinstance(loss, str) else str(getattr(loss, "name", type(loss).__name__))
