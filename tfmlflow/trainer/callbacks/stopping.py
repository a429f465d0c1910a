"""Ends a training before its time: the loss is no number, others of the sweep are further, or its time is over."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any

import keras

from tfmlflow.objective import Objective
from tfmlflow.trainer import values

log = logging.getLogger(__name__)

EVERY = 1.0  # seconds between two questions


class StopOnNaN(keras.callbacks.Callback):
    """Stops at the first group of steps whose loss is NaN or infinite.

    Attributes:
        epoch: Where that was, from 1; None if it did not happen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch: int | None = None
        self._current = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Remembers the epoch."""
        self._current = epoch + 1

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Looks at the loss, Keras's mean since the epoch began, in which a NaN stays."""
        loss = values.number((logs or {}).get("loss", 0.0))
        if loss is not None and not math.isfinite(loss):
            self.epoch = self._current
            self.model.stop_training = True


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


class StopOnRequest(keras.callbacks.Callback):
    """Asks now and then whether to go on, and stops after the step at hand when it is not to.

    Args:
        stop_requested: Gives the reason to stop, None while there is none.

    Attributes:
        reason: It was stopped for; None if it was not.
    """

    def __init__(self, stop_requested: Callable[[], str | None]) -> None:
        super().__init__()
        self.reason: str | None = None
        self._stop_requested, self._asked = stop_requested, 0.0

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Asks."""
        if self.reason is None and time.monotonic() - self._asked >= EVERY:
            self._asked = time.monotonic()
            self.reason = self._stop_requested()
            self.model.stop_training = self.model.stop_training or self.reason is not None
