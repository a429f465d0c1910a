"""What a model holds beside weights: what its preprocessing layers were adapted to, and what it is compiled with."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from typing import Any

import keras

ADAPTED = (keras.layers.Normalization, keras.layers.Discretization)  # compute with what they make of their weights


def carry(model: keras.Model, copy: keras.Model) -> None:
    """Give a copy, of the same layers, everything that the model holds.

    Raises:
        ValueError: It has other weights, or a layer that cannot take over a vocabulary.
    """
    copy.set_weights(model.get_weights())
    for old, new in zip(_adapted(model), _adapted(copy), strict=True):
        settle(old, new)


def settle(old: keras.Layer, new: keras.Layer) -> None:
    """Let a layer that has another's weights compute as that one does.

    Raises:
        ValueError: It cannot take over its vocabulary.
    """
    if isinstance(new, ADAPTED):
        new.finalize_state()
    if _has_vocabulary(old):
        with tempfile.TemporaryDirectory() as folder:
            old.save_assets(folder)
            try:
                new.load_assets(folder)
            except (AttributeError, RuntimeError) as error:
                raise ValueError(f"{old.name}: no copy takes over its vocabulary: {error}") from error


def looks_words_up(model: keras.Model) -> bool:
    """Whether a layer has a vocabulary."""
    return any(map(_has_vocabulary, _adapted(model)))


@contextlib.contextmanager
def not_compiled(model: keras.Model) -> Iterator[None]:
    """The model without optimizer, loss and metrics for the moment, as it is to be saved."""
    optimizer, compiled = getattr(model, "optimizer", None), model.compiled
    model.optimizer, model.compiled = None, False
    try:
        yield
    finally:
        model.optimizer, model.compiled = optimizer, compiled


def _has_vocabulary(layer: Any) -> bool:
    return hasattr(layer, "save_assets")


def _adapted(model: Any) -> list[Any]:
    layers = model._flatten_layers(include_self=False)
    return [layer for layer in layers if isinstance(layer, ADAPTED) or _has_vocabulary(layer)]
