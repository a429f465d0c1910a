"""Ends a training that somebody who sees others like it calls should_prune."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import keras

from tfmlflow.trainer import values
from tfmlflow.trainer.objective import Objective

log = logging.getLogger(__name__)


class PruningCallback(keras.callbacks.Callback):
    """Reports the objective of every epoch, and stops when told so.

    Args:
        objective: What is reported.
        should_prune: Takes an epoch, from 1, and its objective; whether to stop.

    Attributes:
        epoch: After which it was stopped; None if it was not.
    """

    def __init__(self, objective: Objective, should_prune: Callable[[int, float], bool]) -> None:
        super().__init__()
        self.epoch: int | None = None
        self._monitor, self._should_prune = objective.monitor, should_prune
        self._heard = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Reports; a listener that is away must not end a training."""
        value = values.number((logs or {}).get(self._monitor))
        if value is None or not math.isfinite(value) or not self._heard:
            return
        try:
            told = self._should_prune(epoch + 1, value)
        except Exception as error:
            log.warning("the sweep's study does not answer: %s; this job is trained to its end", error)
            self._heard = False
            return
        last = epoch + 1 >= self.params.get("epochs", math.inf)
        if told and not last:
            self.epoch = epoch + 1
            self.model.stop_training = True
