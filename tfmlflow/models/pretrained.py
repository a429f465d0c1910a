"""A network that was trained before, with a head for the task at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import keras

from tfmlflow.data.record import Data
from tfmlflow.errors import UsageError
from tfmlflow.models import layers
from tfmlflow.models.base import Start, prepare
from tfmlflow.models.preprocessing import as_trained, coloured, resized

_started: WeakKeyDictionary[keras.Model, Start] = WeakKeyDictionary()


def build(
    data: Data,
    base: str | None = None,
    weights: str | None = None,
    partial: bool = False,
    preprocessing: str = "auto",
    size: Sequence[int] | None = None,
    arguments: Mapping[str, Any] | None = None,
    cut: str | None = None,
    head: str = "average",
    dense_units: Sequence[int] = (),
    activation: str = "relu",
    head_dropout: float = 0.0,
    dense_dropout: float = 0.0,
    trust: bool = False,
    output_activation: str = "auto",
    prepared: Start | None = None,
) -> keras.Model:
    """Pictures -> (grey as colours) -> (resized) -> as the base takes them -> base -> head.

    Args:
        data: What the model is for; decides input and output.
        base, weights, partial, preprocessing, arguments, cut: What `prepare` makes the base of.
        size: Height and width that pictures are resized to, pixels.
        head: average, over all positions, or flatten.
        dense_units: Width of each hidden dense layer.
        activation: After each of them.
        head_dropout: Before the dense layers.
        dense_dropout: After each hidden dense layer.
        trust: Whether a stored network may run code of its own; whoever reads it has to know.
        output_activation: auto follows the task.
        prepared: What `prepare` has made, where weights are read out of a store; by default it is made here.

    Returns:
        A model, not compiled: from an example, pixels in [0, 1], to `(classes,)` probabilities, one for a binary task,
        or `(outputs,)` numbers. The base is a layer of it, a model by its own name.

    Raises:
        UsageError: As of `prepare`.
    """
    start = prepared
    if start is None:
        start = prepare(data, _unread, base, weights, partial, preprocessing, size, arguments, cut)
    inputs, x = layers.entry(data)
    if len(data.input_shape) == 3 and len(start.base.input_shape) == 4:
        x = coloured(x, start.base.input_shape[-1], f"model={start.base.name}")
        x = resized(x, (size[0], size[1]) if size else None)
        x = as_trained(x, start.mode)
    x = start.base(x)
    if len(x.shape) > 2:
        x = _pooled(x, head)
    if head_dropout:
        x = keras.layers.Dropout(head_dropout, name="head_dropout")(x)
    for i, width in enumerate(dense_units):
        x = keras.layers.Dense(width, activation=activation, name=f"head_dense_{i + 1}")(x)
        if dense_dropout:
            x = keras.layers.Dropout(dense_dropout, name=f"head_dropout_{i + 1}")(x)
    model = keras.Model(inputs, layers.output(x, data, output_activation), name="pretrained")
    _started[model] = start
    return model


def _unread(reference: str) -> keras.Model:
    raise UsageError(f"model.weights={reference}: is a stored network, which train.py reads")


def start_of(model: keras.Model) -> Start | None:
    """What a model was begun with; None of others."""
    return _started.get(model)


def _pooled(x: Any, head: str) -> Any:
    if head == "flatten":
        return keras.layers.Flatten(name="flatten")(x)
    pool = keras.layers.GlobalAveragePooling2D if len(x.shape) == 4 else keras.layers.GlobalAveragePooling1D
    return pool(name="average")(x)
