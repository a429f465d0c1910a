"""Several steps of a training in one call into the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from tfmlflow.data.pipeline import Pipeline
from tfmlflow.trainer.class_weights import weighted

Step = Callable[[keras.Model, Any], Mapping[str, Any] | None]
Numbers = dict[str, Any]
Batches = Callable[[Any, tf.Tensor], Any]
"""(where from, number of the step in the epoch) -> the step's batch."""


class Several:
    """Runs steps of one kind in the graph, gathering the batches there or taking them from an iterator.

    Args:
        model: That is trained.
        step: Of one batch.
        batches: Gives a step's batch, inside the graph.
        strategy: Under which a step runs on each replica, or None.
        class_weight: Weight of each class, or None.
        measures: Whether the model's metrics are built.
    """

    def __init__(
        self,
        model: keras.Model,
        step: Step,
        batches: Batches,
        strategy: tf.distribute.Strategy | None = None,
        class_weight: Mapping[int, float] | None = None,
        measures: bool = True,
    ) -> None:
        self._model, self._step, self._strategy = model, step, strategy
        self._class_weight = class_weight
        one = tf.function(self._one, jit_compile=model.jit_compile, reduce_retracing=True, autograph=False)

        def run(source: Any, begin: tf.Tensor, end: tf.Tensor) -> tuple[Numbers, Numbers]:
            first = one(batches(source, begin))
            arrays = {name: tf.TensorArray(tf.float32, tf.cast(end - begin, tf.int32)) for name in first}
            arrays = {name: array.write(0, first[name]) for name, array in arrays.items()}

            def body(number: tf.Tensor, before: Numbers) -> tuple[tf.Tensor, Numbers]:
                said, place = one(batches(source, number)), tf.cast(number - begin, tf.int32)
                return number + 1, {name: array.write(place, said[name]) for name, array in before.items()}

            _, arrays = tf.while_loop(lambda number, _: number < end, body, (begin + 1, arrays))
            told = {name: array.stack() for name, array in arrays.items()}
            return told, dict(model.get_metrics_result()) if strategy is None and measures else {}

        self._run = tf.function(run, reduce_retracing=True, autograph=False)

    def __call__(self, source: Any, begin: int, end: int) -> tuple[Numbers, Numbers]:
        """Take the steps from `begin` to before `end` of the epoch.

        Args:
            source: Where `batches` takes them from.

        Returns:
            What each step tells, `(steps,)`; and the model's metrics since the epoch began.
        """
        told, measured = self._run(source, tf.constant(begin, tf.int64), tf.constant(end, tf.int64))
        told = {name: value.numpy() for name, value in told.items()}
        return told, measured if self._strategy is None else self._model.get_metrics_result()

    def _one(self, data: Any) -> Numbers:
        if self._strategy is None:
            return self._numbers(data)
        told = self._strategy.run(self._numbers, (data,))
        return {name: self._strategy.reduce("mean", one, axis=None) for name, one in told.items()}

    def _numbers(self, data: Any) -> Numbers:
        said = self._step(self._model, weighted(data, self._class_weight)) or {}
        return {name: tf.cast(value, tf.float32) for name, value in said.items()}


def gathered(pipeline: Pipeline, size: int) -> Batches:
    """Batches of `size` examples by the epoch's order, gathered in the graph."""
    return lambda order, number: pipeline.batch(order, number, size)


def taken(iterator: Any, number: tf.Tensor) -> Any:
    """The next batch of an iterator."""
    return next(iterator)
