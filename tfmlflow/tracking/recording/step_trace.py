"""Each step's own loss and learning rate, although Keras reports the mean since the epoch began, once a group of steps.

The values are written into a ring inside the training graph, and read now and then for many steps at once, so that a
step waits for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

SMALLEST = 512  # steps in the ring


class StepTrace(keras.metrics.Mean):
    """Keras's loss mean that also keeps the last `size` losses and learning rates, in the order of the steps.

    Args:
        size: Steps to keep.
        optimizer: Whose learning rate is kept.
        replicas: Of the strategy; several keep a copy each, whose mean is read.

    Attributes:
        testing: A step of an evaluation is being traced, which is none of the training's.
    """

    def __init__(self, size: int, optimizer: Any, replicas: int = 1) -> None:
        super().__init__(name="loss")
        self.size, self._replicas, self.testing = size, replicas, False
        self.recent = self.add_variable((size, 2), "zeros", name="recent")
        self.seen = self.add_variable((), "zeros", dtype="int64", name="seen")
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        self._rate: Callable[[], Any] = lambda: ops.cast(inner.learning_rate, self.recent.dtype)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """As `Mean`, and keep the step."""
        super().update_state(values, sample_weight)
        if self.testing:
            return
        loss = values if len(values.shape) == 0 else ops.mean(values)
        step = ops.stack([ops.cast(loss, self.recent.dtype), self._rate()])
        with tf.control_dependencies([step]):  # else it counts a step whose data have run out
            if self._replicas == 1:
                place = tf.math.floormod(self.seen.value, self.size)
                self.recent.value.scatter_update(tf.IndexedSlices(step, place))
            else:  # a variable of several replicas takes no scattered updates
                self.recent.assign(ops.concatenate([self.recent[1:], ops.reshape(step, (1, 2))]))
            self.seen.assign_add(1)

    def reset_state(self) -> None:
        """Resets the mean alone."""
        self.total.assign(0)
        self.count.assign(0)

    def read(self, since: int) -> Steps:
        """The steps after the one numbered `since`, as far as they are still held."""
        seen = self.number
        count = min(seen - since, self.size)
        if self._replicas == 1:
            kept = self.recent.numpy()[np.arange(seen - count, seen) % self.size]
        else:
            kept = self.recent.numpy()[self.size - count :] / self._replicas
        return Steps(seen, seen - since, kept[:, 0], kept[:, 1])

    @property
    def number(self) -> int:
        """Of the last step."""
        return int(self.seen.numpy()) // self._replicas

    @property
    def examples(self) -> int:
        """Examples since the epoch began."""
        return int(self.count.numpy())


@dataclass(frozen=True)
class Steps:
    """What a ring held.

    Attributes:
        seen: Number of the last step.
        count: How many were taken since.
        losses, rates: Of the last of them, float32 `(n,)` with n at most `count`.
    """

    seen: int
    count: int
    losses: np.ndarray[Any, Any]
    rates: np.ndarray[Any, Any]


def install(model: keras.Model) -> StepTrace | None:
    """Put a `StepTrace` into a compiled model in place of its loss mean.

    Must come before the training function is traced, else the function is dropped to be traced anew.

    Returns:
        The trace, or None if the model has no loss mean of Keras's.
    """
    tracker = getattr(model, "_loss_tracker", None)
    size = max(SMALLEST, 2 * int(model.steps_per_execution))
    if isinstance(tracker, StepTrace) and tracker.size >= size:
        return tracker
    strategy = model.distribute_strategy
    with_servers = isinstance(strategy, tf.distribute.ParameterServerStrategy)
    if with_servers or getattr(strategy, "cluster_resolver", None) is not None:
        return None  # of several processes, which all would have to read it at once
    if not isinstance(tracker, keras.metrics.Mean) or model.optimizer is None:
        return None
    with model.distribute_strategy.scope():
        mine = StepTrace(size, model.optimizer, int(model.distribute_strategy.num_replicas_in_sync))
    # Around Keras's attribute tracking, as `compile` itself does, or the metric would be listed twice.
    object.__setattr__(model, "_loss_tracker", mine)
    _leave_out_tests(model)
    model.train_function = model.test_function = None
    return mine


def _leave_out_tests(model: keras.Model) -> None:
    """Keras's loss mean is that of training and evaluation alike: `testing` is set while an evaluation is traced."""
    test_step = type(model).test_step

    def step(data: Any) -> Any:
        trace = model._loss_tracker
        if not isinstance(trace, StepTrace):  # compiled anew since
            return test_step(model, data)
        trace.testing = True
        try:
            return test_step(model, data)
        finally:
            trace.testing = False

    object.__setattr__(model, "test_step", step)
