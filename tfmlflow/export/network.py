"""A stored network with inputs and outputs by names that stay the same."""

from __future__ import annotations

from typing import Any

import keras

from tfmlflow import layer_state
from tfmlflow.data.inputs import names
from tfmlflow.errors import UsageError
from tfmlflow.predictor.preparation import Preparation

HALVES = {"litert": ("float16", "bfloat16"), "onnx": ("bfloat16",)}  # measured, TensorFlow 2.21 and tf2onnx 1.17
RECURRENT = (keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN)


def named(model: keras.Model, preparation: Preparation | None) -> keras.Model:
    """The same network: takes a dict of its inputs, gives a dict of its outputs.

    One input is called `input`; one output what it is, `probabilities`, `logits`, `scores` or `prediction`, or `output`
    where that is not known. Several have the names that they have.

    Raises:
        UsageError: The model does not say what it takes.
    """
    if not getattr(model, "inputs", None):
        raise UsageError(
            f"{type(model).__name__} is a subclassed model, which does not say what it takes: "
            "it can be exported --to keras, or built as keras.Model(inputs, outputs)"
        )
    known = names(model)
    takes = {
        name: keras.Input(batch_shape=(None, *tensor.shape[1:]), dtype=tensor.dtype, name=name)
        for name, tensor in zip(known if len(known) > 1 else ["input"], model.inputs, strict=True)
    }
    given = takes if isinstance(getattr(model, "_inputs_struct", None), dict) else [*takes.values()]
    if len(takes) == 1:
        given = next(iter(takes.values()))
        given = {known[0]: given} if isinstance(getattr(model, "_inputs_struct", None), dict) else given
    outputs = by_name(model, model(given), preparation)
    gives = {name: keras.layers.Identity(name=name, dtype=one.dtype)(one) for name, one in outputs.items()}
    return keras.Model(takes, gives, name=model.name)


def by_name(model: keras.Model, outputs: Any, preparation: Preparation | None) -> dict[str, Any]:
    """What a model gives, by name."""
    if isinstance(outputs, dict):
        return dict(outputs)
    if isinstance(outputs, list | tuple):
        return dict(zip(model.output_names, outputs, strict=True))
    if preparation is None:
        return {"output": outputs}
    return {"prediction" if preparation.task == "regression" else preparation.scores: outputs}


def require_numbers(model: keras.Model, to: str) -> None:
    """Refuse inputs of text, which neither LiteRT nor ONNX have here, and half precision where it is not taken.

    Raises:
        UsageError: Names the input, or the layer.
    """
    halves = HALVES.get(to, ())
    half = next((layer for layer in _layers(model) if getattr(layer, "compute_dtype", "") in halves), None)
    if half is not None:
        raise UsageError(
            f"--to {to}: the layer {half.name!r} computes in {half.compute_dtype} (hardware.precision), which this "
            "format does not take; --to savedmodel and keras do"
        )
    texts = [tensor.name for tensor in getattr(model, "inputs", None) or () if tensor.dtype == "string"]
    if texts and to in ("litert", "onnx"):
        raise UsageError(
            f"--to {to}: the input {texts[0]!r} takes text, which this format cannot; --to keras and savedmodel can"
        )


def unrolled(model: keras.Model) -> keras.Model:
    """The same network with the steps of its recurrent layers one after another: LiteRT has no loop for them.

    Raises:
        UsageError: It cannot be taken apart, or its sequences have no fixed length.
    """
    if not any(_is_recurrent(layer) for layer in _layers(model)):
        return model
    if not isinstance(model, keras.Sequential) and type(model).__name__ != "Functional":
        raise UsageError(f"--to litert: recurrent layers inside a {type(model).__name__}; only keras.Model(inputs, …)")
    if any(None in tensor.shape[1:] for tensor in model.inputs):
        raise UsageError("--to litert: recurrent layers over sequences of any length; they need a fixed one there")
    copy = keras.models.clone_model(model, clone_function=_unrolled)
    layer_state.carry(model, copy)
    return copy


def _layers(model: keras.Model) -> list[keras.layers.Layer]:
    return list(model._flatten_layers(include_self=False))


def _is_recurrent(layer: Any) -> bool:
    return isinstance(layer, RECURRENT) and not layer.unroll


def _unrolled(layer: keras.layers.Layer) -> keras.layers.Layer:
    config = layer.get_config()
    if isinstance(layer, RECURRENT):
        config["unroll"] = True
    if isinstance(layer, keras.layers.Bidirectional):
        for part in ("layer", "backward_layer"):
            if part in config:
                config[part]["config"]["unroll"] = True
    return type(layer).from_config(config)
