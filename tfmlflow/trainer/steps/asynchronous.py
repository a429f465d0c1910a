"""Training by workers that do not wait for each other: the same loop, its steps handed out instead of taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmlflow.data.batches.examples import held
from tfmlflow.errors import UsageError
from tfmlflow.trainer.class_weights import weighted
from tfmlflow.trainer.fitting import Fitting
from tfmlflow.trainer.steps.counts import Counts
from tfmlflow.trainer.steps.loop import Loop
from tfmlflow.trainer.steps.measuring import Measuring
from tfmlflow.trainer.steps.several import Numbers, Step
from tfmlflow.trainer.steps.step import descend, gradient_step

AHEAD = 2  # groups of steps that are handed out for each worker, so that none waits for the chief
GROUPS = 4  # of an epoch for each worker, at least: who is slow is not waited for long


class Asynchronous(Loop):
    """One training; as of `Loop`.

    An epoch has the batches of every other training, each handed out once; which weights a worker finds is a matter of
    time. All steps that were handed out are waited for at the end of an epoch.

    Raises:
        UsageError: The model's class has a step of its own, or the data are not held in memory.
    """

    def __init__(self, fitting: Fitting, step: Step = gradient_step) -> None:
        super().__init__(fitting, step)
        if type(self._model).train_step is not keras.Model.train_step:
            raise UsageError(
                f"{type(self._model).__name__}: has a step of its own, which keeps its numbers in variables that "
                "workers would overwrite for each other; use hardware=multi_worker"
            )
        if self._pipeline.split.read is not None or self._pipeline.split.own is not None:
            raise UsageError(
                f"data={fitting.data.name}: is not held in memory, as each worker of hardware=parameter_server "
                "needs it; use hardware=multi_worker"
            )
        self._tells, self._coordinator = True, fitting.runtime.coordinator
        self._data = self._coordinator.everywhere(lambda: held(self._pipeline.split))
        self._measuring = Measuring(self._model, self._coordinator)

    def _make(self, measures: bool) -> None:
        steps, workers = self._pipeline.steps, len(self._coordinator.workers)
        self._group = max(1, min(int(self._model.steps_per_execution), steps // (GROUPS * workers)))
        with self._fitting.runtime.scope():
            self._counts = Counts(steps)
            model = self._model
            if not model.optimizer.built:
                model.optimizer.build(model.trainable_variables)
        self._run = tf.function(self._several, autograph=False, reduce_retracing=True)

    def _several(self, data: Any, epoch: tf.Tensor, begin: tf.Tensor, end: tf.Tensor) -> Any:
        """Steps of an epoch, on a worker: (loss, staleness of each, the metrics' state after them)."""
        examples = next(data)
        order = self._pipeline.order(epoch)
        strategy = self._fitting.runtime.strategy
        count = tf.cast(end - begin, tf.int32)
        losses, stale = tf.TensorArray(tf.float32, count), tf.TensorArray(tf.int64, count)

        def body(number: tf.Tensor, losses: Any, stale: Any, state: Sequence[tf.Tensor]) -> Any:
            batch = self._pipeline.elsewhere(examples, epoch, order, number)
            loss, age, state = strategy.run(self._one, args=(batch, number, state))
            place = tf.cast(number - begin, tf.int32)
            return number + 1, losses.write(place, loss), stale.write(place, age), state

        first = (begin, losses, stale, self._measuring.zeros())
        _, losses, stale, state = tf.while_loop(lambda number, *_: number < end, body, first)
        return losses.stack(), stale.stack(), state

    def _one(self, batch: Any, number: tf.Tensor, state: Sequence[tf.Tensor]) -> Any:
        model, counts = self._model, self._counts
        with tf.control_dependencies([before := counts.begin(number)]):
            taken = descend(model, weighted(batch, self._fitting.class_weight))
        with tf.control_dependencies([tf.raw_ops.VariableShape(input=w.value.handle) for w in model.trainable_weights]):
            after = counts.end(number)  # its shape is that after the update, which costs nothing to be brought here
        with tf.control_dependencies([after]):
            model.optimizer.iterations.value.assign(tf.cast(after, model.optimizer.iterations.dtype))
        return tf.cast(taken.loss, tf.float32), after - 1 - before, self._measuring.after(state, taken)

    def _epoch(self, callbacks: keras.callbacks.CallbackList) -> Numbers:
        epoch, steps = self._pipeline.now, self._pipeline.steps
        waiting: deque[tuple[int, int, Any]] = deque()
        ages, handed_out = list[np.ndarray[Any, Any]](), 0
        iterations = self._model.optimizer.iterations
        self._counts.reset(int(iterations.numpy()))
        total, logs = self._measuring.nothing(), Numbers()
        most = AHEAD * len(self._coordinator.workers)
        while handed_out < steps or waiting:
            while handed_out < steps and len(waiting) < most and not self._model.stop_training:
                end = min(handed_out + self._group, steps)
                numbers = (tf.constant(number, tf.int64) for number in (epoch, handed_out, end))
                waiting.append((handed_out, end, self._coordinator.schedule(self._run, self._data, *numbers)))
                handed_out = end
            if not waiting:
                break
            begin, end, promised = waiting.popleft()
            callbacks.on_train_batch_begin(begin)
            losses, stale, state = self._coordinator.take(promised)
            total = [one + two for one, two in zip(total, state, strict=True)]
            ages.append(stale)
            self._coordinator.step = epoch * steps + end
            self._tell(end - 1, {"loss": losses, "staleness": stale})
            logs = self._measuring.result(total)
            callbacks.on_train_batch_end(end - 1, logs)
        iterations.assign(self._counts.updates)  # the last to write it was not always the last to count
        self._measuring.put(total)
        return dict(logs) | self._counts.told(handed_out, np.concatenate(ages))

    def _validate(self, callbacks: keras.callbacks.CallbackList) -> Numbers:
        callbacks.on_test_begin()
        logs = self._measuring.evaluate(self._fitting.data.validation, self._fitting.batch_size)
        callbacks.on_test_end(logs)
        return logs
