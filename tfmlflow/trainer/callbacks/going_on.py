"""A training that goes on after the last epoch of an earlier process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from tfmlflow.errors import UsageError
from tfmlflow.hardware.broadcast import gathered
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.trainer.callbacks.best import Before, BestWeights

COUNTING = (keras.callbacks.EarlyStopping, keras.callbacks.ReduceLROnPlateau)  # what they do depends on earlier epochs


class GoOn(keras.callbacks.Callback):
    """Puts an earlier process's variables into the model, and begins with the next epoch.

    Callbacks that count epochs are told of the earlier ones again.

    Args:
        restore: Puts them into a compiled model; None if there are none, and the training begins anew.
        runtime: Who trains together, and has to go on after the same epoch; None: this process alone.

    Attributes:
        kept_best: That keeps the best epoch's weights.
        others: All callbacks of the training.
        before: What was restored.
    """

    def __init__(self, restore: Callable[[keras.Model], Before | None], runtime: Runtime | None = None) -> None:
        super().__init__()
        self._restore, self._runtime = restore, runtime
        self.kept_best: BestWeights | None = None
        self.others: Sequence[keras.callbacks.Callback] = ()
        self.before: Before | None = None
        self._told, self._first_rate = False, 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Restores them.

        Raises:
            UsageError: Of several workers not all go on after the same epoch.
        """
        self._first_rate = _number(self.model.optimizer.learning_rate)
        before = self.before = self._restore(self.model)
        if self._runtime is not None:
            require_one_epoch(self._runtime, before)
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
        present, can_be_set = _number(rate), hasattr(rate, "assign")
        if can_be_set:  # a plateau that has come to its least rate counts on where others begin anew
            rate.assign(self._first_rate)
        for number, said in enumerate(self.before.epochs):
            for callback in self.others:
                if isinstance(callback, COUNTING):
                    callback.on_epoch_end(number, dict(said))
        if can_be_set:  # to what was restored, as the plateaus before have left it
            rate.assign(present)
        self.model.stop_training = False


def require_one_epoch(runtime: Runtime, before: Before | None) -> None:
    """Refuse workers that do not go on after the same epoch; all must ask at the same point of the program.

    Raises:
        UsageError: On all workers: names the epoch of each.
    """
    epochs = gathered(runtime, before.epoch if before is not None else 0)
    steps = gathered(runtime, before.step if before is not None else 0)
    if len(set(zip(epochs, steps, strict=True))) == 1:
        return
    places = [
        f"after epoch {epoch} (step {step:,})" if epoch else "from the beginning"
        for epoch, step in zip(epochs, steps, strict=True)
    ]
    said = ", ".join(f"worker {number} {place}" for number, place in enumerate(places))
    raise UsageError(
        f"the workers do not go on together: {said}; all read the checkpoints of worker 0, so that its output folder "
        "must be on a file system that all machines share: set hydra.run.dir to such a folder"
    )


def _number(rate: Any) -> float:
    return float(keras.ops.convert_to_numpy(rate))
