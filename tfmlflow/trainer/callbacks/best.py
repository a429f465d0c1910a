"""Keeps the weights of the best epoch."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from tfmlflow.objective import Objective
from tfmlflow.trainer import values


class BestWeights(keras.callbacks.Callback):
    """Copies the weights at each epoch whose objective is the best so far.

    Args:
        objective: By which.
        copies: Whether the weights are copied; else it is only known which epoch it was.

    Attributes:
        epoch: The best epoch, from 1; None before the first.
        value: Its objective.
        logs: All its metrics, by Keras's names.
    """

    def __init__(self, objective: Objective, copies: bool = True) -> None:
        super().__init__()
        self.objective, self._copies = objective, copies
        self.epoch: int | None = None
        self.value: float | None = None
        self.logs: dict[str, float] = {}
        self._weights: list[np.ndarray[Any, Any]] = []

    def begin_with(self, before: Any) -> None:
        """An earlier process has reached something: a `Before`."""
        self.epoch, self.value, self.logs = before.best_epoch, before.best_value, dict(before.best_logs)
        self._weights = list(before.best_weights)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Compares, and copies if better."""
        numbers = values.scalars(logs or {})
        value = numbers.get(self.objective.monitor)
        if not all(math.isfinite(numbers.get(loss, 0.0)) for loss in ("loss", "val_loss")):
            return  # the weights are NaN, whose accuracy is a number all the same
        if value is not None and self.objective.better(value, self.value):
            self.epoch, self.value, self.logs = epoch + 1, value, numbers
            self._weights = self.model.get_weights() if self._copies else []

    def restore(self) -> bool:
        """Puts the best weights into the model; False if no epoch was a number, or none was copied."""
        if self.epoch is None or not self._copies:
            return False
        self.model.set_weights(self._weights)
        return True
