"""A convolutional network: blocks of convolutions, each ended by pooling, then dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tfmlflow.data.record import Data
from tfmlflow.errors import UsageError
from tfmlflow.models import layers


def build(
    data: Data,
    filters: Sequence[int] = (32, 64),
    kernel_size: int | Sequence[int] = 3,
    strides: int | Sequence[int] = 1,
    padding: str = "same",
    convolutions: int = 1,
    activation: str = "relu",
    pooling: str | Sequence[str | None] | None = "max",
    pool_size: int = 2,
    head: str = "flatten",
    dense_units: Sequence[int] = (128,),
    kernel_initializer: str = "glorot_uniform",
    bias_initializer: str = "zeros",
    l1: float = 0.0,
    l2: float = 0.0,
    dropout: float | Sequence[float] = 0.0,
    head_dropout: float = 0.0,
    dense_dropout: float = 0.0,
    batch_norm: bool | Sequence[bool] = False,
    batch_norm_momentum: float = 0.9,
    output_activation: str = "auto",
) -> keras.Model:
    """(Convolution -> (batch norm) -> activation) x `convolutions` -> pooling -> (dropout), once for each of `filters`.

    Args:
        data: What the model is for; decides input and output.
        filters: Filters of each block.
        kernel_size, strides: One for all blocks, or one for each; strides apply to a block's first convolution.
        padding: same or valid.
        convolutions: Convolutions in a block.
        activation: After each convolution and hidden dense layer.
        pooling: max, average or None at the end of each block, as long as the image is as large as the pool; one for
            all or one for each.
        pool_size: Side of the pool, pixels.
        head: flatten, or average over all positions, before the dense layers.
        dense_units: Width of each hidden dense layer.
        kernel_initializer, bias_initializer: Keras names.
        l1, l2: Penalties on the kernels.
        dropout: After each block; one for all or one for each.
        head_dropout: Before the dense layers.
        dense_dropout: After each hidden dense layer.
        batch_norm: Normalize before each activation; one for all blocks or one for each, the dense layers are
            normalized with true alone. At the full resolution it costs most and gives least.
        batch_norm_momentum: Of the statistics that are used after training.
        output_activation: auto follows the task.

    Returns:
        A model, not compiled: from `(height, width, channels)` to
        `(classes,)` probabilities, one for a binary task, or `(outputs,)` numbers.

    Raises:
        UsageError: An argument does not fit the data or another argument.

    Example:
        >>> from tfmlflow.datasets import digits
        >>> build(digits.load(), filters=[8], dense_units=[]).output_shape
        (None, 10)
    """
    layers.require_images(data, "cnn")
    inputs, x = layers.entry(data)
    options: dict[str, Any] = {"kernel_initializer": kernel_initializer, "bias_initializer": bias_initializer}
    norms = layers.per_layer("batch_norm", batch_norm, len(filters))

    def activated(x: layers.Tensor, normalized: bool) -> layers.Tensor:
        if normalized:
            x = keras.layers.BatchNormalization(momentum=batch_norm_momentum)(x)
        return keras.layers.Activation(activation)(x)

    kernels = layers.per_layer("kernel_size", kernel_size, len(filters))
    steps = layers.per_layer("strides", strides, len(filters))
    dropouts = layers.per_layer("dropout", dropout, len(filters))
    pools = layers.per_layer("pooling", pooling, len(filters))
    for i, width in enumerate(filters):
        for j in range(convolutions):
            if padding == "valid" and min(x.shape[1:3]) < kernels[i]:
                raise UsageError(
                    f"model.filters={list(filters)}: at block {i + 1} the image is {x.shape[1]}x{x.shape[2]}, smaller "
                    f"than model.kernel_size={kernels[i]}; use fewer blocks or model.padding=same"
                )
            x = keras.layers.Conv2D(
                width,
                kernels[i],
                strides=steps[i] if j == 0 else 1,
                padding=padding,
                use_bias=not norms[i],
                kernel_regularizer=layers.regularizer(l1, l2),
                name=f"conv_{i + 1}_{j + 1}",
                **options,
            )(x)
            x = activated(x, norms[i])
        if pools[i] and min(x.shape[1:3]) >= pool_size:
            pool = keras.layers.MaxPooling2D if pools[i] == "max" else keras.layers.AveragePooling2D
            x = pool(pool_size, name=f"pool_{i + 1}")(x)
        if dropouts[i]:
            x = keras.layers.Dropout(dropouts[i])(x)
    x = keras.layers.Flatten()(x) if head == "flatten" else keras.layers.GlobalAveragePooling2D()(x)
    if head_dropout:
        x = keras.layers.Dropout(head_dropout)(x)
    for i, width in enumerate(dense_units):
        x = keras.layers.Dense(
            width,
            use_bias=batch_norm is not True,
            kernel_regularizer=layers.regularizer(l1, l2),
            name=f"dense_{i + 1}",
            **options,
        )(x)
        x = activated(x, batch_norm is True)
        if dense_dropout:
            x = keras.layers.Dropout(dense_dropout)(x)
    return keras.Model(inputs, layers.output(x, data, output_activation), name="cnn")
