"""Recurrent networks: stacked LSTM or GRU layers over tokens, over a series, or over the rows of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tfmlflow.data.record import Data
from tfmlflow.errors import UsageError
from tfmlflow.models import layers


def lstm(data: Data, **arguments: Any) -> keras.Model:
    """Stacked LSTM layers; arguments as of `stack`."""
    return stack(data, keras.layers.LSTM, "lstm", **arguments)


def gru(data: Data, **arguments: Any) -> keras.Model:
    """Stacked GRU layers; arguments as of `stack`."""
    return stack(data, keras.layers.GRU, "gru", **arguments)


def stack(
    data: Data,
    layer: type[keras.layers.Layer],
    name: str,
    units: Sequence[int] = (64,),
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    bidirectional: bool = False,
    kernel_initializer: str = "glorot_uniform",
    recurrent_initializer: str = "orthogonal",
    bias_initializer: str = "zeros",
    l1: float = 0.0,
    l2: float = 0.0,
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    dense_units: Sequence[int] = (),
    embedding: int = 64,
    output_activation: str = "auto",
) -> keras.Model:
    """Recurrent layers, each but the last returning its whole sequence to the next, then dense layers.

    Args:
        data: What the model is for; decides input and output.
        layer: keras.layers.LSTM or keras.layers.GRU.
        name: Of the model.
        units: Width of each recurrent layer.
        activation, recurrent_activation: Keras names.
        bidirectional: Read the sequence both ways.
        kernel_initializer, recurrent_initializer, bias_initializer: Keras names.
        l1, l2: Penalties on the kernels.
        dropout, recurrent_dropout: Share dropped of each layer's input and of its state.
        dense_units: Width of each dense layer after the last recurrent one.
        embedding: Length of a token's vector, for token data.
        output_activation: auto follows the task.

    Returns:
        A model, not compiled, that takes sequences `(time, features)` or token ids `(time,)` and gives `(classes,)`
        probabilities, one for a binary task, or `(outputs,)` numbers.

    Raises:
        UsageError: The data are no sequences.
    """
    if len(data.input_shape) == 1 and data.vocabulary is None:
        raise UsageError(
            f"model={name} needs sequences, but an example of data={data.name} is a vector of "
            f"{data.input_shape[0]} numbers; use model=mlp"
        )
    inputs, x = layers.entry(data, embedding)
    if len(data.input_shape) == 3:  # an image is a sequence of its rows
        height, width, channels = data.input_shape
        x = keras.layers.Reshape((height, width * channels), name="rows")(x)
    for i, width in enumerate(units):
        recurrent = layer(
            width,
            activation=activation,
            recurrent_activation=recurrent_activation,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=layers.regularizer(l1, l2),
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            return_sequences=i < len(units) - 1,
            name=f"{name}_{i + 1}",
        )
        x = (keras.layers.Bidirectional(recurrent, name=f"both_ways_{i + 1}") if bidirectional else recurrent)(x)
    for i, width in enumerate(dense_units):
        x = keras.layers.Dense(width, activation="relu", name=f"dense_{i + 1}")(x)
    return keras.Model(inputs, layers.output(x, data, output_activation), name=name)
