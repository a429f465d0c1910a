"""Evaluation on the moving average of the weights, for optimizers with `use_ema`."""

from __future__ import annotations

from typing import Any

import keras


class AveragedWeights(keras.callbacks.Callback):
    """Puts the averaged weights into the model for validation and the end of the epoch, the raw ones back to train.

    Keras's `SwapEMAWeights` swaps by additions, which round; this one copies, so that training goes on exactly as it
    would have without evaluation.
    """

    def __init__(self) -> None:
        super().__init__()
        self._raw: list[Any] | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Back to the raw weights."""
        if self._raw is not None:
            for variable, value in zip(self._variables, self._raw, strict=True):
                variable.assign(value)
            self._raw = None

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
        if self._raw is None and averages:
            self._raw = [variable.numpy() for variable in self._variables]
            for variable, average in zip(self._variables, averages, strict=True):
                variable.assign(average)
