"""The weights that compression is about: matrices and filters, not biases or statistics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import keras
import numpy as np

from tfmlflow.compress.work import Refused

NAMES = ("kernel", "recurrent_kernel", "depthwise_kernel", "pointwise_kernel", "embeddings")
SHOWN = 8  # layers in a message


@dataclass(frozen=True)
class Kernel:
    """A variable of a layer.

    Attributes:
        layer: It belongs to.
        variable: With at least two axes; the last one is of the layer's outputs.
    """

    layer: keras.Layer
    variable: Any

    @property
    def path(self) -> str:
        """`layer/kernel`, as Keras has it."""
        return str(self.variable.path)

    def matches(self, patterns: Sequence[str]) -> bool:
        """Whether one of these, such as `conv2d*` or `*/recurrent_kernel`, is its path or its layer's name."""
        return any(fnmatch(self.path, one) or fnmatch(self.layer.name, one) for one in patterns)

    def values(self) -> np.ndarray[Any, Any]:
        """As it counts: four bits of two weights in one byte are taken apart."""
        packed = getattr(self.layer, "quantization_mode", None) == "int4" and self.variable.dtype == "int8"
        whole = self.layer.kernel if packed and hasattr(self.layer, "kernel") else self.variable
        return np.asarray(keras.ops.convert_to_numpy(whole), dtype="float32")


def all_kernels(model: keras.Model) -> list[Kernel]:
    """Every one of a model, nested models included, each once."""
    found: dict[int, Kernel] = {}
    for kernel in _each(model):
        found.setdefault(id(kernel.variable), kernel)
    return list(found.values())


def chosen(model: keras.Model, layers: Sequence[str] | None, skip: Sequence[str] = ()) -> list[Kernel]:
    """Those that the patterns choose.

    Args:
        model: Built.
        layers: Patterns of names; None for all.
        skip: Patterns of those that are left out.

    Raises:
        Refused: A pattern names nothing, or nothing is left.
    """
    there = all_kernels(model)
    for pattern in (*(layers or ()), *skip):
        if not any(kernel.matches([pattern]) for kernel in there):
            paths = ", ".join(kernel.path for kernel in there[:SHOWN]) or "none"
            raise Refused(f"{pattern}: no layer of the model is called so; it has {paths}")
    found = [one for one in there if (layers is None or one.matches(layers)) and not one.matches(skip)]
    if not found:
        raise Refused(f"{model.name}: has no kernels that could be compressed; its layers are {kinds(model)}")
    return found


def sparsity(model: keras.Model) -> float:
    """Share of the kernels' weights that are zero."""
    counts = [(np.count_nonzero(values == 0), values.size) for values in (one.values() for one in all_kernels(model))]
    return sum(zeros for zeros, _ in counts) / max(1, sum(size for _, size in counts))


def kinds(model: keras.Model) -> str:
    """Classes of a model's layers that have weights, for a message."""
    return ", ".join(dict.fromkeys(type(layer).__name__ for layer in leaves(model) if layer.weights)) or "without any"


def leaves(model: keras.Model) -> list[keras.Layer]:
    """Layers that are made of no others, those of nested models included."""
    return [layer for layer in model._flatten_layers() if len(list(layer._flatten_layers())) == 1]


def _each(model: keras.Model) -> Iterator[Kernel]:
    for layer in model._flatten_layers():
        for variable in (*layer._trainable_variables, *layer._non_trainable_variables):
            if variable.path.rsplit("/", 1)[-1] in NAMES and len(variable.shape) >= 2:
                yield Kernel(layer, variable)
