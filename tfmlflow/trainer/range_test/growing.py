"""The callback of a range test: a larger learning rate at each step, and each step's own loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras

from tfmlflow.errors import UsageError
from tfmlflow.trainer import values
from tfmlflow.trainer.fitting import Fitting

EARLY = 10  # steps before which nothing is called diverging
LAG = 0.9  # of the mean of the last steps by which it is told


class GrowingLearningRate(keras.callbacks.Callback):
    """Lets the learning rate grow exponentially from step to step, and ends the training when the loss diverges.

    Args:
        start, end: Learning rates of the first and the last step.
        steps: How many.
        diverge: How many times its lowest the mean loss of the last steps may become.

    Attributes:
        rates, losses: Of each step that was taken; the loss is that of the weights before the step.
        diverged: Whether that ended it.
        fitting: The training; whoever fits sets it.
    """

    def __init__(self, start: float, end: float, steps: int, diverge: float) -> None:
        super().__init__()
        self.rates, self.losses = list[float](), list[float]()
        self.diverged = False
        self._start, self._end, self._steps, self._diverge = start, end, steps, diverge
        self._mean, self._lowest = 0.0, math.inf
        self._seen = 0.0, 0.0
        self._told: float | None = None

    @property
    def fitting(self) -> Fitting | None:
        """Not kept: it is asked for nothing later."""
        return None

    @fitting.setter
    def fitting(self, fitting: Fitting) -> None:
        fitting.only_steps()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Finds the optimizer's learning rate.

        Raises:
            UsageError: It cannot be set.
        """
        self._optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        try:
            self._optimizer.learning_rate = self._start
        except Exception as error:
            kind = type(self._optimizer).__name__
            raise UsageError(f"trainer=lr_range: the learning rate of {kind} cannot be set: {error}") from error

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """The mean of the losses begins anew."""
        self._seen = (0.0, 0.0)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Sets the learning rate of the step that begins."""
        share = len(self.rates) / max(1, self._steps - 1)
        self.rates.append(self._start * (self._end / self._start) ** share)
        self._optimizer.learning_rate = self.rates[-1]
        if not self._counts:  # of a step of one's own, whose mean begins anew in place of ours
            self.model.reset_metrics()

    def on_steps(self, batch: int, numbers: Mapping[str, Any]) -> None:
        """A step of one's own tells its numbers."""
        if "loss" in numbers and len(numbers["loss"]):
            self._told = float(numbers["loss"][-1])

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes the step's loss down, and ends the test when it is enough."""
        self.losses.append(loss := self._loss(logs or {}))
        self._told = None
        self._mean = LAG * self._mean + (1 - LAG) * loss
        mean = self._mean / (1 - LAG ** len(self.losses))
        self._lowest = min(self._lowest, mean)
        off = len(self.losses) >= EARLY and mean > self._lowest + (self._diverge - 1) * abs(self._lowest)
        self.diverged = off or not math.isfinite(loss)
        if self.diverged or len(self.losses) >= self._steps:
            self.model.stop_training = True

    @property
    def _counts(self) -> bool:
        """Whether the model's loss mean is updated by its steps; before the first one nobody knows."""
        return not self.losses or self._seen[1] > 0

    def _loss(self, logs: Mapping[str, Any]) -> float:
        tracker = getattr(self.model, "_loss_tracker", None)
        if isinstance(tracker, keras.metrics.Mean):
            total, count = float(tracker.total.numpy()), float(tracker.count.numpy())
            (before, many), self._seen = self._seen, (total, count)
            if count > many:
                return (total - before) / (count - many)
        said = self._told if self._told is not None else values.number(logs.get("loss"))
        if said is None:
            named = ", ".join(logs) or "nothing"
            raise UsageError(f"trainer=lr_range: a step of {self.model.name} tells no 'loss'; it tells {named}")
        return said
