"""A training that goes on after the last epoch of an earlier process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from tfmlflow.trainer.callbacks.best import BestWeights


@dataclass(frozen=True)
class Before:
    """What an earlier process has reached.

    Attributes:
        epoch: The last one that it has ended, whose variables the model has now.
        best_epoch, best_value, best_logs, best_weights: The best one up to there; None and empty if there is none.
    """

    epoch: int
    best_epoch: int | None = None
    best_value: float | None = None
    best_logs: Mapping[str, float] = field(default_factory=dict)
    best_weights: Sequence[Any] = ()


class GoOn(keras.callbacks.Callback):
    """Puts an earlier process's variables into the model, and begins with the next epoch.

    Args:
        restore: Puts them into a compiled model; None if there are none, and the training begins anew.

    Attributes:
        best: That keeps the best epoch's weights.
        before: What was restored.
    """

    def __init__(self, restore: Callable[[keras.Model], Before | None]) -> None:
        super().__init__()
        self._restore = restore
        self.best: BestWeights | None = None
        self.before: Before | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Restores them."""
        before = self.before = self._restore(self.model)
        if before is None:
            return
        self.model._initial_epoch = before.epoch  # as Keras's BackupAndRestore does
        if self.best is not None and before.best_epoch is not None:
            self.best.begin_with(before)
