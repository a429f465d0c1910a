"""Fewer bits a weight without training: what Keras has for it, and half floats."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import keras

from tfmlflow import layer_state
from tfmlflow.compress import kernels
from tfmlflow.compress.work import Refused, Work

CLASSES = "Dense, EinsumDense and Embedding"  # that Keras quantizes


def quantize(model: keras.Model, work: Work, mode: str = "int8", layers: Sequence[str] | None = None) -> keras.Model:
    """Keras's own `model.quantize`, of dense layers and embeddings; convolutions stay as they are.

    Args:
        model: Is changed.
        work: Is not needed.
        mode: int8, int4, or float8, which computes as if in 8 bits and stores 32.
        layers: Patterns of names; None for all.

    Raises:
        Refused: None of its layers can be quantized so.
    """
    chosen = {id(kernel.layer) for kernel in kernels.chosen(model, layers)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of each layer that cannot be quantized
        model.quantize(mode, filters=lambda layer: id(layer) in chosen)
    if not quantized(model):
        raise Refused(
            f"{model.name}: Keras quantizes {CLASSES}, and this one is of {kernels.kinds(model)}; "
            "compress=litert_int8 quantizes convolutions, too"
        )
    return model


def quantized(model: keras.Model) -> list[keras.Layer]:
    """Layers that are."""
    return [layer for layer in model._flatten_layers() if getattr(layer, "quantization_mode", None) is not None]


def cast(model: keras.Model, work: Work, dtype: str = "float16") -> keras.Model:
    """The same model with weights, and computing, in `dtype`; its outputs stay float32.

    Args:
        model: Functional or sequential.
        work: Is not needed.
        dtype: float16 or bfloat16.

    Raises:
        Refused: It cannot be cloned.
    """

    def each(layer: keras.Layer) -> keras.Layer:
        if isinstance(layer, keras.layers.InputLayer):
            return layer
        return type(layer).from_config(layer.get_config() | {"dtype": dtype})

    try:
        made = keras.models.clone_model(model, clone_function=each, recursive=True)
        layer_state.carry(model, made)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise Refused(f"{model.name}: cannot be made anew in {dtype}: {str(error).splitlines()[0]}") from error
    back = keras.layers.Activation("linear", dtype="float32", name="float32")
    if isinstance(made, keras.Sequential):
        made.add(back)
        return made
    return keras.Model(made.input, keras.tree.map_structure(back, made.output), name=model.name)
