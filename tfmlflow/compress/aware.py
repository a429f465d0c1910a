"""Quantization-aware training: the model learns with weights and inputs that are rounded as an integer model's are.

Rounding has no slope; gradients go through as if it were not there (straight-through, Bengio et al. 2013,
arXiv:1308.3432; as in Jacob et al. 2018, arXiv:1712.05877).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from tfmlflow.compress import kernels
from tfmlflow.compress.pruning import Constrained
from tfmlflow.compress.work import Refused, Work

EACH_OUTPUT: dict[type, Callable[[int], tuple[int, ...]]] = {  # axes over which a scale is shared
    keras.layers.Dense: lambda rank: (0,),
    keras.layers.Conv1D: lambda rank: tuple(range(rank - 1)),
    keras.layers.Conv2D: lambda rank: tuple(range(rank - 1)),
    keras.layers.Conv3D: lambda rank: tuple(range(rank - 1)),
    keras.layers.DepthwiseConv1D: lambda rank: tuple(range(rank - 2)),
    keras.layers.DepthwiseConv2D: lambda rank: tuple(range(rank - 2)),
}
TINY = 1e-9


def qat(
    model: keras.Model,
    work: Work,
    bits: int = 8,
    activation_bits: int = 8,
    momentum: float = 0.99,
    layers: Sequence[str] | None = None,
    skip: Sequence[str] = (),
    keep_zeros: bool = True,
    epochs: int = 5,
    learning_rate: float = 1e-4,
) -> keras.Model:
    """Train on with rounding in every dense layer and convolution, then leave their weights rounded.

    Args:
        model: Functional or sequential; its own layers are trained, wrapped in `FakeQuantized` meanwhile.
        work: Trains it.
        bits, activation_bits: Of weights (symmetric, a scale for each output) and inputs (a range for each layer).
        momentum: Of the moving ranges of inputs.
        layers, skip: Patterns of names; others stay as they are.
        keep_zeros: Weights that are zero now, as pruning leaves them, stay so.
        epochs, learning_rate: Of the training.

    Returns:
        The model itself, in Keras's layers alone; its weights lie on the grid of an integer model.

    Raises:
        Refused: It is a class of one's own, or has no such layers.
    """
    there = [kernel for kernel in kernels.chosen(model, layers, skip) if type(kernel.layer) in EACH_OUTPUT]
    if not there:
        can = ", ".join(kind.__name__ for kind in EACH_OUTPUT)
        raise Refused(f"{model.name}: its layers are {kernels.kinds(model)}; rounded are only {can}")
    wrapped = wrap(model, {id(kernel.layer) for kernel in there}, bits, activation_bits, momentum)
    zeros = [Constrained(kernel.variable) for kernel in there] if keep_zeros else []
    try:
        for one in zeros:
            one.apply(ops.cast(ops.not_equal(one.variable, 0), one.variable.dtype))
        work.fit(wrapped, epochs=epochs, learning_rate=learning_rate)
    finally:
        for one in zeros:
            one.release()
    for kernel in there:
        kernel.variable.assign(rounded(kernel.variable, bits, axes(kernel.layer)))
    return model


def wrap(model: keras.Model, chosen: set[int], bits: int, activation_bits: int, momentum: float) -> keras.Model:
    """A model of the same layers, those of the ids `chosen` wrapped; both have the same variables."""

    def each(layer: keras.Layer) -> keras.Layer:
        if id(layer) not in chosen:
            return layer
        return FakeQuantized(layer, bits, activation_bits, momentum, name=f"{layer.name}_rounded")

    try:
        return keras.models.clone_model(model, clone_function=each, recursive=True)
    except (ValueError, TypeError, NotImplementedError) as error:
        why = str(error).splitlines()[0]
        raise Refused(
            f"{model.name}: is a {type(model).__name__}, whose layers cannot be replaced ({why}); "
            "quantization-aware training takes functional and sequential models"
        ) from error


class FakeQuantized(keras.layers.Wrapper):
    """A layer that is called with rounded inputs and a rounded kernel.

    Args:
        layer: Has a `kernel`.
        bits, activation_bits: Of the kernel, and of inputs.
        momentum: Of their moving range.
    """

    def __init__(
        self, layer: keras.Layer, bits: int = 8, activation_bits: int = 8, momentum: float = 0.99, **named: Any
    ) -> None:
        super().__init__(layer, **named)
        self.bits, self.activation_bits, self.momentum = bits, activation_bits, momentum

    def build(self, input_shape: Any = None) -> None:
        """Adds the range of inputs."""
        super().build(input_shape)
        self.low = self.add_weight((), initializer="zeros", trainable=False, dtype="float32", name="low")
        self.high = self.add_weight((), initializer="zeros", trainable=False, dtype="float32", name="high")

    def call(self, inputs: Any, training: bool = False) -> Any:
        """As the layer, with the range taken along in training."""
        if training:
            first = ops.logical_and(ops.equal(self.low, 0.0), ops.equal(self.high, 0.0))
            seen = ops.cast(inputs, "float32")
            for range_, now in ((self.low, ops.min(seen)), (self.high, ops.max(seen))):
                now = ops.stop_gradient(now)
                moved = self.momentum * range_ + (1 - self.momentum) * now
                range_.assign(ops.where(first, now, moved))
        low, high = ops.minimum(self.low, 0.0), ops.maximum(self.high, TINY)
        taken = keras.quantizers.fake_quant_with_min_max_vars(
            ops.cast(inputs, "float32"), low, high, num_bits=self.activation_bits
        )
        kernel = self.layer.kernel
        near = rounded(kernel, self.bits, axes(self.layer))
        through = kernel + ops.stop_gradient(near - kernel)
        with keras.StatelessScope(state_mapping=[(kernel, through)]):
            return self.layer(ops.cast(taken, inputs.dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The layer's."""
        return self.layer.compute_output_shape(input_shape)


def axes(layer: keras.Layer) -> tuple[int, ...]:
    """Of a layer's kernel, those over which one scale is shared."""
    return EACH_OUTPUT[type(layer)](len(layer.kernel.shape))


def rounded(kernel: Any, bits: int, over: tuple[int, ...]) -> Any:
    """The nearest of `2^bits - 1` values, evenly and symmetrically around zero, as far as the largest weight."""
    most = 2 ** (bits - 1) - 1
    scale = ops.maximum(ops.max(ops.abs(kernel), axis=over, keepdims=True), TINY) / most
    return ops.round(kernel / scale) * scale
