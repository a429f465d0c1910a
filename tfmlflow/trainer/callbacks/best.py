"""Keeps the weights of the best epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tfmlflow.objective import Objective
from tfmlflow.trainer import values


@dataclass(frozen=True)
class Before:
    """What an earlier process has reached.

    Attributes:
        epoch, step: The last ones that it has ended, whose variables the model has now.
        epochs: Metrics of each of these epochs, by Keras's names.
        best_epoch, best_value, best_weights: The best one up to there; None and empty if it is not known.
    """

    epoch: int
    step: int
    epochs: Sequence[Mapping[str, float]] = ()
    best_epoch: int | None = None
    best_value: float | None = None
    best_weights: Sequence[Any] = ()


class BestWeights(keras.callbacks.Callback):
    """Copies the weights at each epoch whose objective is the best so far.

    Attributes:
        epoch: The best epoch, from 1; None before the first.
        value: Its objective.
        logs: All its metrics, by Keras's names.
        before: What an earlier process has reached, after which this training goes on.
        idle: Whether no epoch is to be the best, since none is what it seems to be.
    """

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective
        self.before: Before | None = None
        self.idle = False
        self.epoch: int | None = None
        self.value: float | None = None
        self.logs: dict[str, float] = {}
        self._weights: list[np.ndarray[Any, Any]] = []

    def begin_with(self, before: Before) -> None:
        """Begin with what an earlier process has reached."""
        self.before = before
        if before.best_epoch is not None:
            self.epoch, self.value = before.best_epoch, before.best_value
            self._weights = list(before.best_weights)
            self.logs = dict(before.epochs[before.best_epoch - 1]) if before.best_epoch <= len(before.epochs) else {}

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Compares, and copies if better."""
        if self.idle:
            return
        numbers = values.scalars(logs or {})
        value = numbers.get(self.objective.monitor)
        if not all(math.isfinite(numbers.get(loss, 0.0)) for loss in ("loss", "val_loss")):
            return  # the weights are NaN, whose accuracy is a number all the same
        if value is not None and self.objective.better(value, self.value):
            self.epoch, self.value, self.logs = epoch + 1, value, numbers
            self._weights = self.model.get_weights()

    def restore(self) -> bool:
        """Puts the best weights into the model; False if no epoch was a number."""
        if self.epoch is None:
            return False
        self.model.set_weights(self._weights)
        return True
