"""Loss and metrics that stay right where several workers measure at the same time."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmlflow.data.batches.examples import held, rows
from tfmlflow.data.record import Split
from tfmlflow.trainer.steps.step import Taken, first

Arrays = list[np.ndarray[Any, Any]]
PARTS = 8  # that a split is evaluated in by each worker, at most


class Measuring:
    """A model's loss and metrics, their state carried by the calls and added up here.

    Their variables are on a server, where workers would overwrite each other's sums; what a worker gives that dies is
    given again by another, and counts once.

    Args:
        model: Compiled, its metrics built.
        coordinator: Hands out calls.
    """

    def __init__(self, model: keras.Model, coordinator: Any) -> None:
        self._model, self._coordinator = model, coordinator
        self._result = tf.function(self._of, autograph=False)
        self._held: dict[int, tuple[Split, Any, Any]] = {}  # with what is on the workers, and the graph

    @property
    def _variables(self) -> list[Any]:
        return [variable for metric in self._model.metrics for variable in metric.variables]

    def zeros(self) -> list[tf.Tensor]:
        """The state before the first batch, inside a graph."""
        return [tf.zeros(variable.shape, variable.dtype) for variable in self._variables]

    def nothing(self) -> Arrays:
        """The same, here."""
        return [np.zeros(variable.shape, variable.dtype) for variable in self._variables]

    def after(self, state: Sequence[tf.Tensor], taken: Taken) -> list[tf.Tensor]:
        """The state after one more batch."""
        mapped = list(zip(self._variables, state, strict=True))
        with keras.StatelessScope(state_mapping=mapped) as scope:
            taken.count(self._model)
        new = [scope.get_current_value(variable) for variable in self._variables]
        return [tf.cast(value, old.dtype) for value, old in zip(new, state, strict=True)]

    def result(self, total: Arrays) -> dict[str, Any]:
        """Loss and metrics, by Keras's names."""
        return {name: value.numpy() for name, value in self._result([tf.constant(one) for one in total]).items()}

    def _of(self, total: Sequence[tf.Tensor]) -> dict[str, Any]:
        with keras.StatelessScope(state_mapping=list(zip(self._variables, total, strict=True))):
            return dict(self._model.get_metrics_result())

    def put(self, total: Arrays) -> None:
        """Let those know that ask the model's metrics."""
        for variable, value in zip(self._variables, total, strict=True):
            variable.assign(value)

    def evaluate(self, split: Split, batch_size: int) -> dict[str, Any]:
        """Loss and metrics on a split, every batch by some worker."""
        if id(split) not in self._held:
            graph = tf.function(functools.partial(self._several, split), autograph=False)
            self._held[id(split)] = split, self._coordinator.everywhere(lambda: held(split)), graph
        (_, data, measure), workers = self._held[id(split)], len(self._coordinator.workers)
        batches = -(-len(split) // batch_size)
        part = max(1, -(-batches // (PARTS * workers)))
        promised = deque(
            self._coordinator.schedule(
                measure,
                data,
                *(tf.constant(number, tf.int64) for number in (begin, min(begin + part, batches), batch_size)),
            )
            for begin in range(0, batches, part)
        )
        total = self.nothing()
        while promised:
            state = self._coordinator.take(promised.popleft())
            total = [one + two for one, two in zip(total, state, strict=True)]
        return self.result(total)

    def _several(self, split: Split, data: Any, begin: tf.Tensor, end: tf.Tensor, size: tf.Tensor) -> Any:
        content = next(data)
        model, count = self._model, tf.cast(tf.shape(content[1])[0], tf.int64)

        def body(number: tf.Tensor, state: Sequence[tf.Tensor]) -> Any:
            batch = rows(split, content, tf.range(number * size, tf.minimum((number + 1) * size, count)))
            x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
            predicted = model(x, training=False) if model._call_has_training_arg else model(x)
            loss = model.compute_loss(x=x, y=y, y_pred=predicted, sample_weight=weight, training=False)
            taken = Taken((x, y, weight), tf.shape(first(x))[0], predicted, loss, loss, {})
            return number + 1, self.after(state, taken)

        return tf.while_loop(lambda number, _: number < end, body, (begin, self.zeros()))[1]
