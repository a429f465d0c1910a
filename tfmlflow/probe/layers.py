"""What layers put out for some examples: silence, and outputs at the ends of their range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmlflow.data.inputs import names
from tfmlflow.probe.sample import Sample

KINDS = {"relu": "relu", "relu6": "relu", "tanh": "tanh", "sigmoid": "sigmoid", "hard_sigmoid": "sigmoid"}
END = 0.01  # of the range, at either end
RECURRENT = (keras.layers.RNN, keras.layers.Bidirectional)


def activations(model: keras.Model, sample: Sample) -> dict[str, dict[str, Any]]:
    """As of `Evidence.activations`; empty of a model whose graph is not known."""
    if not getattr(model, "inputs", None):
        return {}
    outputs = {id(tensor) for tensor in tf.nest.flatten(model.outputs)}
    found = {
        layer.name: (kind, layer.output)
        for layer in model.layers
        if (kind := _kind(layer)) is not None and id(layer.output) not in outputs
    }
    if not found:
        return {}
    inner = keras.Function(model.inputs, [output for _, output in found.values()])
    x = sample.x
    given = [x[name] for name in names(model)] if isinstance(x, Mapping) else tf.nest.flatten(x)
    values = inner(given)
    return {
        name: _said(kind, np.asarray(tf.cast(value, tf.float32)))
        for (name, (kind, _)), value in zip(found.items(), values, strict=True)
    }


def _kind(layer: Any) -> str | None:
    if isinstance(layer, keras.layers.ReLU):
        return "relu" if not layer.negative_slope else None
    if isinstance(layer, RECURRENT) or not hasattr(layer, "output"):
        return None
    return KINDS.get(getattr(getattr(layer, "activation", None), "__name__", ""))


def _said(kind: str, values: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Of a layer, `(n, ..., units)`."""
    each = values.reshape(-1, values.shape[-1])
    low, high = (-1.0, 1.0) if kind == "tanh" else (0.0, 1.0)
    margin = END * (high - low)
    saturated = np.mean((values <= low + margin) | (values >= high - margin)) if kind != "relu" else 0.0
    return {"kind": kind, "dead": float(np.mean((each == 0).all(axis=0))), "saturated": float(saturated)}
