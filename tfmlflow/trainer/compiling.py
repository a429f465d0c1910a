"""Making a model ready to train: its variables, loss and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from tfmlflow.data.inputs import names
from tfmlflow.data.pipeline import example
from tfmlflow.data.record import Data
from tfmlflow.errors import UsageError
from tfmlflow.objective import Objective
from tfmlflow.trainer import losses
from tfmlflow.trainer.class_weights import class_weights
from tfmlflow.trainer.metrics import build as build_metrics
from tfmlflow.trainer.metrics import take_logits


def compile_model(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer | str,
    data: Data,
    loss: Any = "auto",
    chosen_metrics: Any = "auto",
    label_smoothing: float = 0.0,
    mixed: bool = False,
) -> None:
    """`model.compile` with loss and metrics that fit the task of `data`, and its labels, mixed or not."""
    made = losses.build(loss, data, label_smoothing, mixed)
    model.compile(
        optimizer=optimizer,
        loss=made,
        metrics=build_metrics(chosen_metrics, data, mixed, take_logits(made)),
        jit_compile=False,
    )


def ensure_built(model: keras.Model, data: Data) -> None:
    """Give a model that waits for its first batch its variables.

    Raises:
        UsageError: It is no model, or takes inputs that the data do not have.
    """
    if not isinstance(model, keras.Model):
        kind = type(model)
        raise UsageError(f"model._target_: returned {kind.__module__}.{kind.__name__}; it must return a keras.Model")
    wanted = names(model) if data.inputs else []
    if missing := [name for name in wanted if name not in data.inputs]:
        raise UsageError(
            f"model={model.name}: takes the inputs {', '.join(wanted)}; data={data.name} has {', '.join(data.inputs)}, "
            f"and no {', '.join(missing)}"
        )
    if not model.built:
        model(example(data.train))


def require(
    data: Data,
    objective: Objective,
    loss: Any = "auto",
    metrics: Any = "auto",
    label_smoothing: float = 0.0,
    class_weight: str | Mapping[Any, float] | None = None,
    mixed: bool = False,
    **_: Any,
) -> None:
    """Refuse settings of the trainer that do not fit the data, before anything is built or recorded.

    What is given by a `_target_` is known only once it is made, and is let pass.

    Raises:
        UsageError: An unknown loss or metric, or an objective that the training will not give.
    """
    class_weights(class_weight, data)
    if isinstance(loss, str) or mixed:
        losses.build(loss, data, label_smoothing, mixed)
    if all(isinstance(metric, str) for metric in metrics):
        objective.require(["loss", *(metric.name for metric in build_metrics(metrics, data))])


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
    x: Any = {name: keras.KerasTensor((None, *one.shape), one.dtype) for name, one in data.inputs.items()}
    x = x or keras.KerasTensor((None, *data.input_shape), data.input_dtype)
    y = keras.KerasTensor((None, *data.train.y.shape[1:]), str(data.train.y.dtype))
    model._symbolic_build(data_batch=(x, y))
    object.__setattr__(model, "_maybe_symbolic_build", lambda **_: None)
