"""A multilayer perceptron: dense layers on the flattened example."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from tfmlflow.data.record import Data
from tfmlflow.models import layers


def build(
    data: Data,
    units: Sequence[int] = (128, 64),
    activation: str | Sequence[str] = "relu",
    kernel_initializer: str = "glorot_uniform",
    bias_initializer: str = "zeros",
    l1: float = 0.0,
    l2: float = 0.0,
    dropout: float | Sequence[float] = 0.0,
    batch_norm: bool | Sequence[bool] = False,
    batch_norm_momentum: float = 0.9,
    embedding: int = 64,
    output_activation: str = "auto",
) -> keras.Model:
    """Dense -> (batch norm) -> activation -> (dropout), once for each of `units`.

    Args:
        data: What the model is for; decides input and output.
        units: Width of each hidden layer; empty: a linear model.
        activation: One for all hidden layers, or one for each.
        kernel_initializer, bias_initializer: Keras names.
        l1, l2: Penalties on the kernels.
        dropout: Share of activations dropped, one for all hidden layers or one for each.
        batch_norm: Normalize before the activation, one for all hidden layers or one for each.
        batch_norm_momentum: Of the statistics that are used after training.
        embedding: Length of a token's vector, for token data; the vectors of a text are averaged.
        output_activation: auto follows the task.

    Returns:
        A model, not compiled: from any shape, flattened, or token ids to
        `(classes,)` probabilities, one for a binary task, or `(outputs,)` numbers.

    Raises:
        UsageError: An argument does not fit the data or another argument.

    Example:
        >>> from tfmlflow.datasets import digits
        >>> build(digits.load(), units=[32], dropout=0.1).count_params()
        2410
    """
    inputs, x = layers.entry(data, embedding)
    if data.vocabulary is not None:
        x = keras.layers.GlobalAveragePooling1D(name="average")(x)
    elif len(data.input_shape) > 1:
        x = keras.layers.Flatten(name="flatten")(x)
    activations = layers.per_layer("activation", activation, len(units))
    dropouts = layers.per_layer("dropout", dropout, len(units))
    norms = layers.per_layer("batch_norm", batch_norm, len(units))
    for i, width in enumerate(units):
        x = keras.layers.Dense(
            width,
            use_bias=not norms[i],
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=layers.regularizer(l1, l2),
            name=f"dense_{i + 1}",
        )(x)
        if norms[i]:
            x = keras.layers.BatchNormalization(momentum=batch_norm_momentum, name=f"norm_{i + 1}")(x)
        x = keras.layers.Activation(activations[i], name=f"{activations[i]}_{i + 1}")(x)
        if dropouts[i]:
            x = keras.layers.Dropout(dropouts[i], name=f"dropout_{i + 1}")(x)
    return keras.Model(inputs, layers.output(x, data, output_activation), name="mlp")
