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


class AveragedWeights(keras.callbacks.Callback):
    """Puts the averaged weights into the model for validation and the end of the epoch, the raw ones back to train.

    Keras's `SwapEMAWeights` swaps by additions, which round; this one copies, so that training goes on exactly as it
    would have without evaluation.
    """

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Back to the raw weights."""
        raw = _raw.pop(self.model, {})
        for variable in self._variables if raw else ():
            variable.assign(raw[id(variable)])

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """On to the averaged ones."""
        self._average()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Also where there was no validation, so that the weights kept are those that will be used."""
        self._average()

    @property
    def _optimizer(self) -> Any:
        return getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)

    @property
    def _variables(self) -> list[Any]:
        return list(self._optimizer._trainable_variables)

    def _average(self) -> None:
        averages = getattr(self._optimizer, "_model_variables_moving_average", None)
        if self.model not in _raw and averages:
            _raw[self.model] = {id(variable): variable.numpy() for variable in self._variables}
            for variable, average in zip(self._variables, averages, strict=True):
                variable.assign(average)
