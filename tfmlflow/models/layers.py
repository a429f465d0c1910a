"""What all builders share: how a layer's options are read, the entry and the output layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tfmlflow.data.record import Data
from tfmlflow.errors import UsageError

Tensor = Any


def regularizer(l1: float, l2: float) -> keras.Regularizer | None:
    """L1 and L2 penalties, or None where both are 0."""
    return keras.regularizers.L1L2(l1=l1, l2=l2) if l1 or l2 else None


def per_layer(key: str, value: Any, layers: int) -> list[Any]:
    """One value a layer: a list as it is, a single value for each."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return [value] * layers
    if len(value) != layers:
        raise UsageError(f"model.{key}={list(value)}: {len(value)} values for {layers} layers; give one, or {layers}")
    return list(value)


def entry(data: Data, embedding: int | None = None) -> tuple[Tensor, Tensor]:
    """The model's input, and the features to go on with (token ids become vectors of length `embedding`)."""
    _require_one_input(data)
    inputs = keras.Input(data.input_shape, dtype=data.input_dtype, name="input")
    if data.vocabulary is None:
        return inputs, inputs
    return inputs, keras.layers.Embedding(data.vocabulary, embedding or 64, name="embedding")(inputs)


def _require_one_input(data: Data) -> None:
    if data.inputs:
        raise UsageError(
            f"data={data.name} has the inputs {', '.join(data.inputs)}, and the shipped models take one; "
            "build your own: model=custom model._target_=my_pkg.build, by data.inputs"
        )


def output(x: Tensor, data: Data, activation: str = "auto") -> Tensor:
    """The output layer of the data's task: softmax, sigmoid or linear, always float32."""
    units = data.classes if data.task == "multiclass" else 1 if data.task == "binary" else data.outputs
    if activation == "auto":
        activation = {"multiclass": "softmax", "binary": "sigmoid", "regression": "linear"}[data.task]
    x = keras.layers.Dense(units, name="logits")(x)
    return keras.layers.Activation(activation, dtype="float32", name="output")(x)


def require_images(data: Data, model: str) -> None:
    """Refuse data whose examples are not images (height, width, channels)."""
    _require_one_input(data)
    if len(data.input_shape) != 3 or data.vocabulary is not None:
        raise UsageError(
            f"model={model} needs images (height, width, channels), but an example of data={data.name} has the shape "
            f"{data.input_shape}; use model=mlp"
            + (", lstm or gru" if len(data.input_shape) != 1 or data.vocabulary else "")
        )
