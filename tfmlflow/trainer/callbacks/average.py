"""Evaluation on the moving average of the weights, for optimizers with `use_ema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import keras

_raw: WeakKeyDictionary[keras.Model, Mapping[int, Any]] = WeakKeyDictionary()


def raw_weights(model: keras.Model) -> Mapping[int, Any]:
    """What training goes on with, by the `id` of the variable, while a model holds the averages; else empty."""
    return _raw.get(model, {})


def averages(optimizer: Any) -> list[tuple[Any, Any]]:
    """(weight, its moving average) of an optimizer with `use_ema`, once it is built; empty of another."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    kept = getattr(inner, "_model_variables_moving_average", None)
    if not kept:
        return []
    pairs = zip(inner._trainable_variables, kept, strict=True)
    return [(weight, average) for weight, average in pairs if average is not None]


class AveragedWeights(keras.callbacks.Callback):
    """Puts the averaged weights into the model for validation and the end of the epoch, the raw ones back to train.

    Keras's `SwapEMAWeights` swaps by additions, which round; this one copies, so that training goes on exactly as it
    would have without evaluation.
    """

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Back to the raw weights."""
        raw = _raw.pop(self.model, {})
        for weight, _ in averages(self.model.optimizer) if raw else ():
            weight.assign(raw[id(weight)])

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """On to the averaged ones."""
        self._average()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Also where there was no validation, so that the weights kept are those that will be used."""
        self._average()

    def _average(self) -> None:
        pairs = averages(self.model.optimizer)
        if self.model not in _raw and pairs:
            _raw[self.model] = {id(weight): weight.numpy() for weight, _ in pairs}
            for weight, average in pairs:
                weight.assign(average)
