"""Each step's own loss, although Keras reports the mean since the epoch began, and only once a group of steps."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops


class StepLoss(keras.metrics.Mean):
    """Keras's loss mean that also keeps the last `size` losses, in the order of the steps.

    The values stay in the graph; they are read once a group of steps.
    """

    def __init__(self, size: int) -> None:
        super().__init__(name="loss")
        self.size = size
        self.recent = self.add_variable((size,), "zeros", name="recent")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """As `Mean`, and append the loss."""
        super().update_state(values, sample_weight)
        value = ops.cast(ops.reshape(ops.mean(values), (1,)), self.recent.dtype)
        self.recent.assign(ops.concatenate([self.recent[1:], value]))

    def reset_state(self) -> None:
        """Resets the mean alone."""
        self.total.assign(0)
        self.count.assign(0)

    def last(self, steps: int, replicas: int = 1) -> np.ndarray[Any, Any]:
        """Losses of the last `steps` steps, float32 `(steps,)`; of replicas the mean."""
        return np.asarray(self.recent.numpy()[self.size - steps :] / replicas)

    @property
    def examples(self) -> int:
        """Examples since the epoch began."""
        return int(self.count.numpy())


def install(model: keras.Model) -> StepLoss | None:
    """Put a `StepLoss` into a compiled model in place of its loss mean.

    Must come before the training function is traced, else the function is dropped to be traced anew.

    Returns:
        The tracker, or None if the model has no loss mean of Keras's.
    """
    tracker = getattr(model, "_loss_tracker", None)
    size = max(1, int(model.steps_per_execution))
    if isinstance(tracker, StepLoss) and tracker.size >= size:
        return tracker
    if not isinstance(tracker, keras.metrics.Mean):
        return None
    with model.distribute_strategy.scope():
        mine = StepLoss(size)
    # Around Keras's attribute tracking, as `compile` itself does, or the metric would be listed twice.
    object.__setattr__(model, "_loss_tracker", mine)
    model.train_function = model.test_function = None
    return mine
