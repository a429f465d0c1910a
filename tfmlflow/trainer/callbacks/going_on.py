"""A training that goes on after the last epoch of an earlier process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from tfmlflow.trainer.callbacks.best import Before, BestWeights

COUNTING = (keras.callbacks.EarlyStopping, keras.callbacks.ReduceLROnPlateau)  # what they do depends on earlier epochs


class GoOn(keras.callbacks.Callback):
    """Puts an earlier process's variables into the model, and begins with the next epoch.

    Callbacks that count epochs are told of the earlier ones again.

    Args:
        restore: Puts them into a compiled model; None if there are none, and the training begins anew.

    Attributes:
        kept_best: That keeps the best epoch's weights.
        others: All callbacks of the training.
        before: What was restored.
    """

    def __init__(self, restore: Callable[[keras.Model], Before | None]) -> None:
        super().__init__()
        self._restore = restore
        self.kept_best: BestWeights | None = None
        self.others: Sequence[keras.callbacks.Callback] = ()
        self.before: Before | None = None
        self._told = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Restores them."""
        before = self.before = self._restore(self.model)
        if before is None:
            return
        self.model._initial_epoch = before.epoch  # as Keras's BackupAndRestore does
        if self.kept_best is not None:
            self.kept_best.begin_with(before)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tells of the earlier epochs, after everybody has begun anew."""
        if self.before is None or self._told:
            return
        self._told = True
        rate = self.model.optimizer.learning_rate
        present = float(keras.ops.convert_to_numpy(rate))
        for number, said in enumerate(self.before.epochs):
            for callback in self.others:
                if isinstance(callback, COUNTING):
                    callback.on_epoch_end(number, dict(said))
        if hasattr(rate, "assign"):  # the variable that was restored, as the plateaus before have left it
            rate.assign(present)
        self.model.stop_training = False
