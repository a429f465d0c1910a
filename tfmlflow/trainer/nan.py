"""Ends a training whose loss is no longer a number."""

from __future__ import annotations

import math

import keras

from tfmlflow.trainer import values


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
