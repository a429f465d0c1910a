"""The layers of a model, also of those models within it, by their paths: `vgg16/block5_conv1`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class Unit:
    """A layer that is frozen, trained or loaded as a whole.

    Attributes:
        path: Names of the models that it is in, and its own, with strokes between them.
        layer: Itself; no model that has layers.
        trains: Whether it and all that it is in are trainable.
    """

    path: str
    layer: keras.layers.Layer
    trains: bool


def units(model: keras.Model) -> list[Unit]:
    """The layers of a model, in its order, each once."""
    found = {id(unit.layer): unit for unit in _walk(model, "", bool(model.trainable))}
    return list(found.values())


def containers(model: keras.Model) -> list[keras.Model]:
    """The model and those within it, the outer ones first."""
    return [model, *(one for layer in model.layers if _is_container(layer) for one in containers(layer))]


def weighted(model: keras.Model) -> list[Unit]:
    """Layers that have weights."""
    return [unit for unit in units(model) if unit.layer.weights]


def _walk(model: keras.Model, within: str, trains: bool) -> Iterator[Unit]:
    for layer in model.layers:
        path, does = f"{within}{layer.name}", trains and bool(layer.trainable)
        if _is_container(layer):
            yield from _walk(layer, f"{path}/", does)
        else:
            yield Unit(path, layer, does)


def _is_container(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.Model) and bool(layer.layers)
