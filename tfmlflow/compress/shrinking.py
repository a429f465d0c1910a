"""Taking units away that are zero: a smaller model that computes the same.

A unit of a layer can go where all that follows it, up to the next dense layer or convolution, treats units apart and
makes zero of zero: batch normalization whose scale and shift are zero there too, activations such as relu, pooling,
dropout, flattening. Where units meet others (residual connections, several outputs), or a layer is not known, they
stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tfmlflow import layer_state

CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
PASSES = (  # by name, since Keras has no common class of them
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout"),
    *("MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D"),
    *("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D"),
    *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"),
    *("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "Cropping1D", "Cropping2D", "Cropping3D"),
    *("UpSampling1D", "UpSampling2D", "UpSampling3D"),
)
ACTS = ("Activation", "ReLU", "LeakyReLU", "ELU")


@dataclass(frozen=True)
class Chain:
    """A layer whose units can go.

    Attributes:
        layer: Dense or convolution.
        normal: Batch normalizations on the way.
        next: The dense layer or convolution that takes what comes.
        spread: Positions that each unit has in the inputs of `next`, more than 1 after flattening.
    """

    layer: keras.Layer
    normal: tuple[keras.Layer, ...]
    next: keras.Layer
    spread: int


def followers(model: keras.Model) -> dict[int, tuple[Any, ...]]:
    """By the id of a layer whose units can go: its bias, and the scales and shifts behind it, each `(units,)`."""
    found: dict[int, tuple[Any, ...]] = {}
    for chain in _chains(model):
        variables = [chain.layer.bias] if chain.layer.use_bias else []
        for one in chain.normal:
            variables += [variable for variable in (one.gamma, one.beta) if variable is not None]
        found[id(chain.layer)] = tuple(variables)
    return found


def last_layers(model: keras.Model) -> list[keras.Layer]:
    """Layers with weights that no other one with weights comes after; the last one where that is not known."""
    weighted = [layer for layer in model._flatten_layers() if layer.weights and not isinstance(layer, keras.Model)]
    functional = _functional(model)
    if functional is None:
        return weighted[-1:]
    found, waiting = [], [tensor._keras_history.operation for tensor in functional.outputs]
    makers = _makers(functional)
    while waiting:
        layer = waiting.pop()
        if getattr(layer, "weights", None) and not isinstance(layer, keras.Model):
            found.append(layer)
        elif isinstance(layer, keras.Model):
            found += last_layers(layer)
        else:
            waiting += makers.get(id(layer), [])
    return found


def shrunk(model: keras.Model) -> keras.Model:
    """The model without the units that are zero; itself where there are none that can go."""
    outputs: dict[str, np.ndarray[Any, Any]] = {}
    inputs: dict[str, np.ndarray[Any, Any]] = {}
    for chain in _chains(model):
        kernel = np.asarray(chain.layer.kernel)
        alive = np.flatnonzero(np.abs(kernel).reshape(-1, kernel.shape[-1]).sum(0))
        clean = all(not np.delete(np.asarray(v), alive).any() for v in followers(model)[id(chain.layer)])
        if not len(alive) or len(alive) == kernel.shape[-1] or not clean:
            continue
        outputs[chain.layer.name] = alive
        outputs |= {one.name: alive for one in chain.normal}
        places = np.arange(kernel.shape[-1] * chain.spread).reshape(chain.spread, -1)
        inputs[chain.next.name] = places[:, alive].ravel()
    return model if not outputs else _rebuilt(model, outputs, inputs)


def _rebuilt(
    model: keras.Model, outputs: dict[str, np.ndarray[Any, Any]], inputs: dict[str, np.ndarray[Any, Any]]
) -> keras.Model:
    def clone(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if layer.name in outputs and not isinstance(layer, keras.layers.BatchNormalization):
            config["units" if "units" in config else "filters"] = len(outputs[layer.name])
        return type(layer).from_config(config)

    made = keras.models.clone_model(model, clone_function=clone)
    for old, new in zip(model.layers, made.layers, strict=True):
        values = old.get_weights()
        if (alive := outputs.get(old.name)) is not None:
            values = [value[..., alive] for value in values]
        if (places := inputs.get(old.name)) is not None:
            values[0] = np.take(values[0], places, axis=-2)
        new.set_weights(values)
        layer_state.settle(old, new)
    return made


def _chains(model: keras.Model) -> Iterator[Chain]:
    functional = _functional(model)
    if functional is None or len({layer.name for layer in model.layers}) < len(model.layers):
        return
    takers: dict[int, list[Any]] = {}
    for layer in functional.layers:
        for node in _nodes(functional, layer):
            for tensor in node.arguments.keras_tensors:
                takers.setdefault(id(tensor), []).append(layer)
    ends = {id(tensor) for tensor in functional.outputs}
    for layer in functional.layers:
        if _divisible(layer) and (chain := _follow(functional, layer, takers, ends)) is not None:
            yield chain


def _follow(functional: Any, layer: keras.Layer, takers: dict[int, list[Any]], ends: set[int]) -> Chain | None:
    normal: list[keras.Layer] = []
    at, spread = layer, 1
    while True:
        nodes = _nodes(functional, at)
        if len(nodes) != 1 or len(nodes[0].output_tensors) != 1:
            return None
        (tensor,) = nodes[0].output_tensors
        after = takers.get(id(tensor), [])
        if id(tensor) in ends or len(after) != 1:
            return None
        kind, at = type(after[0]).__name__, after[0]
        if type(at) is keras.layers.Dense or (type(at) in CONVOLUTIONS and _plain(at)):
            once = len(_nodes(functional, at)) == 1
            return Chain(layer, tuple(normal), at, spread) if once else None
        if type(at) is keras.layers.BatchNormalization and spread == 1:
            if at.axis not in (-1, len(tensor.shape) - 1) or not (at.scale and at.center):
                return None
            normal.append(at)
        elif kind == "Flatten" and at.data_format == "channels_last":
            sizes = tensor.shape[1:-1]
            if None in sizes:
                return None
            spread *= int(np.prod(sizes))
        elif kind in ACTS:
            if not _zero_of_zero(at):
                return None
        elif kind not in PASSES or getattr(at, "data_format", "channels_last") != "channels_last":
            return None


def _divisible(layer: keras.Layer) -> bool:
    if type(layer) is keras.layers.Dense:
        return layer.quantization_mode is None and _zero_of_zero(layer)
    return type(layer) in CONVOLUTIONS and bool(_plain(layer)) and _zero_of_zero(layer)


def _plain(layer: Any) -> bool:
    return bool(layer.groups == 1 and layer.data_format == "channels_last")


def _zero_of_zero(layer: keras.Layer) -> bool:
    """Whether its activation gives 0 for 0, and looks at each value alone."""
    act = getattr(layer, "activation", None)
    if act is None:
        return bool(not isinstance(layer, keras.layers.Activation))
    name = getattr(act, "__name__", "")
    apart = name not in ("softmax", "log_softmax", "glu", "sparsemax")
    return bool(apart and not np.asarray(act(np.zeros((1, 2)))).any())


def _functional(model: keras.Model) -> Any:
    """The graph of a model: itself, or what a sequence is made of; None of a class of one's own."""
    if isinstance(model, keras.Sequential):
        return getattr(model, "_functional", None)
    return model if type(model).__name__ == "Functional" else None


def _nodes(functional: Any, layer: Any) -> list[Any]:
    """Where a layer is used in this graph."""
    here = {id(node) for nodes in functional._nodes_by_depth.values() for node in nodes}
    return [node for node in layer._inbound_nodes if id(node) in here]


def _makers(functional: Any) -> dict[int, list[Any]]:
    """What each layer takes its inputs from."""
    return {
        id(layer): [
            tensor._keras_history.operation
            for node in _nodes(functional, layer)
            for tensor in node.arguments.keras_tensors
        ]
        for layer in functional.layers
    }
