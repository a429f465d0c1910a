"""Ends a training whose time is over, as whoever has started it says."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras

EVERY = 1.0  # seconds between two questions


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
