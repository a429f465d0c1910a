"""A residual network for small images, with pre-activation blocks (He et al. 2016, arXiv:1603.05027)."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from tfmlflow.data.record import Data
from tfmlflow.models import layers


def build(
    data: Data,
    filters: Sequence[int] = (16, 32, 64),
    blocks: int = 2,
    kernel_size: int = 3,
    activation: str = "relu",
    kernel_initializer: str = "he_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    dropout: float = 0.0,
    batch_norm_momentum: float = 0.9,
    output_activation: str = "auto",
) -> keras.Model:
    """A stem, then for each of `filters` a stage of `blocks` residual blocks; all stages but the first halve the image.

    Args:
        data: What the model is for; decides input and output.
        filters: Filters of each stage.
        blocks: Residual blocks in a stage, two convolutions each.
        kernel_size: Of every convolution but the shortcuts'.
        activation: After each normalization.
        kernel_initializer: Keras name.
        l1, l2: Penalties on the kernels.
        dropout: Before the output layer.
        batch_norm_momentum: Of the statistics that are used after training.
        output_activation: auto follows the task.

    Returns:
        A model, not compiled: from `(height, width, channels)` to
        `(classes,)` probabilities, one for a binary task, or `(outputs,)` numbers.

    Raises:
        UsageError: An argument does not fit the data or another argument.
    """
    layers.require_images(data, "resnet")

    def convolution(x: layers.Tensor, width: int, size: int, stride: int = 1) -> layers.Tensor:
        return keras.layers.Conv2D(
            width,
            size,
            strides=stride,
            padding="same",
            use_bias=False,
            kernel_initializer=kernel_initializer,
            kernel_regularizer=layers.regularizer(l1, l2),
        )(x)

    def activated(x: layers.Tensor) -> layers.Tensor:
        return keras.layers.Activation(activation)(keras.layers.BatchNormalization(momentum=batch_norm_momentum)(x))

    def block(x: layers.Tensor, width: int, stride: int) -> layers.Tensor:
        ready = activated(x)
        shortcut = convolution(ready, width, 1, stride) if stride > 1 or x.shape[-1] != width else x
        inner = activated(convolution(ready, width, kernel_size, stride))
        return keras.layers.Add()([shortcut, convolution(inner, width, kernel_size)])

    inputs, x = layers.entry(data)
    x = convolution(x, filters[0], kernel_size)
    for stage, width in enumerate(filters):
        for i in range(blocks):
            x = block(x, width, stride=2 if stage > 0 and i == 0 else 1)
    x = keras.layers.GlobalAveragePooling2D()(activated(x))
    if dropout:
        x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, layers.output(x, data, output_activation), name="resnet")
