"""What a step would take if ...: on one batch that is there already, and the pipeline alone, measured in turns."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

import keras
import tensorflow as tf

from tfmlflow.data.pipeline import Pipeline
from tfmlflow.profile.measured import Variant
from tfmlflow.trainer import execution
from tfmlflow.trainer.fitting import Fitting
from tfmlflow.trainer.steps.several import Batches, Several, Step, gathered, taken
from tfmlflow.trainer.steps.step import gradient_step, model_step

log = logging.getLogger(__name__)

SECONDS = 0.7  # that one turn takes, of the steps that were asked for
Turn = Callable[[int], None]
"""Takes so many steps."""


class Counterfactuals:
    """Steps of a model that has been trained, in ways in which the training does not take them.

    They change the model: `kept` puts back what it had learned.

    Args:
        fitting: The training.
        step: Of one batch.
        steps: At most so many a turn.
        likely: Seconds of a step in the training.
    """

    def __init__(self, fitting: Fitting, step: Step | None, steps: int, likely: float) -> None:
        self._likely = likely
        self._fitting, self._model, self._pipeline, self._steps = fitting, fitting.model, fitting.pipeline, steps
        own_class = type(self._model).train_step is not keras.Model.train_step
        standard = step is None or getattr(step, "func", step) is gradient_step
        self._step: Step = model_step if own_class and standard else step or gradient_step
        self._measures = standard and not own_class
        self._group = int(self._model.steps_per_execution)
        cpu = all("CPU" in device for device in fitting.runtime.devices)
        self._gathers = self._pipeline.gathers and cpu

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Whatever happens inside, the model's weights and its optimizer's are those of before."""
        variables = [*self._model.variables, *self._model.optimizer.variables]
        values = [variable.numpy() for variable in variables]
        try:
            yield
        finally:
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)

    def bare_cached_pipeline(self, repeats: int) -> tuple[float, float, float]:
        """Seconds of a step with its data, of one on a batch that is there, and of a batch alone, in turns."""
        self.real = self._real(self._pipeline)
        turns = [self.real, self._on_one_batch(self._group)[0], self._alone()]
        likely = self._likely if not self._gathers else None  # what is prefetched would be found too fast at first
        bare, cached, alone = measure(turns, self._steps, repeats, [likely, None, likely])
        return bare, cached, alone

    def some(self) -> None:
        """A few steps as they are, for whoever looks at them."""
        self.real(min(10, self._steps))

    def grouped(self, repeats: int) -> Variant | None:
        """The step on one batch, with as many a call as `auto` takes; None where they are as many already."""
        size = self._pipeline.sizes()[0] or len(self._pipeline.split)
        group = execution.steps_per_execution("auto", self._model, size, self._pipeline.steps, True)
        if group == self._group:
            return None
        turn, first = self._on_one_batch(group)
        return Variant(measure([turn], max(self._steps, group), repeats)[0], first, size)

    def other_jit(self, repeats: int) -> Variant | None:
        """The step on one batch with XLA, or without where it has it; None where XLA cannot compile it."""
        model, jit = self._model, self._model.jit_compile
        try:
            model.jit_compile = not jit
            turn, first = self._on_one_batch(self._group)
            return Variant(measure([turn], self._steps, repeats)[0], first, self._fitting.batch_size)
        except (tf.errors.OpError, ValueError, TypeError) as error:
            log.info("XLA does not compile this step: %s", error)
            return None
        finally:
            model.jit_compile = jit

    def larger(self, times: int, repeats: int) -> Variant | None:
        """The step with its data, in batches `times` as large; None where there are not so many examples."""
        size = times * self._fitting.batch_size
        if size > len(self._pipeline.split):
            return None
        began = time.perf_counter()
        turn = self._real(self._pipeline.of_size(size))
        turn(1)
        first = time.perf_counter() - began
        return Variant(measure([turn], self._steps, repeats)[0], first, size)

    def transfer(self, repeats: int) -> float:
        """Seconds of bringing a batch from memory to the device; 0 where that is the CPU."""
        device = self._fitting.runtime.devices[0]
        if "CPU" in device:
            return 0.0
        with tf.device("/CPU:0"):
            batch = [tf.identity(one) for one in tf.nest.flatten(self._batch())]

        def turn(steps: int) -> None:
            for _ in range(steps):
                with tf.device(device):
                    for one in [tf.identity(one) for one in batch]:
                        tf.reshape(one, [-1])[:1].numpy()  # waits for it

        return measure([turn], self._steps, repeats)[0]

    def _several(self, batches: Batches) -> Several:
        return Several(self._model, self._step, batches, None, self._fitting.class_weight, self._measures)

    def _batch(self) -> Any:
        return next(iter(self._pipeline.dataset))

    def _on_one_batch(self, group: int) -> tuple[Turn, float]:
        batch = tuple(self._batch())
        graph = self._several(lambda source, number: source)

        def turn(steps: int) -> None:
            for begin in range(0, steps, group):
                graph(batch, begin, min(begin + group, steps))
            self._wait()

        began = time.perf_counter()
        turn(1)
        first = time.perf_counter() - began
        return turn, first

    def _real(self, pipeline: Pipeline) -> Turn:
        """Steps as the training takes them, a group a call, without anything around them."""
        group = self._group
        if not self._gathers:
            graph = self._several(taken)
            endless = pipeline.dataset.repeat()

            def turn(steps: int) -> None:
                batches = iter(endless)  # a fresh one, as in each epoch: nothing is there in advance
                for begin in range(0, steps, group):
                    graph(batches, begin, min(begin + group, steps))
                self._wait()

            return turn
        size = pipeline.sizes()[0 if pipeline.full else 1]
        graph = self._several(gathered(pipeline, size))
        last = pipeline.full or 1

        def gathering(steps: int) -> None:
            order, left = pipeline.order(), steps
            while left > 0:  # epoch by epoch
                for begin in range(0, min(last, left), group):
                    graph(order, begin, min(begin + group, last, left))
                left -= last
            self._wait()

        return gathering

    def _alone(self) -> Turn:
        """Batches that nobody trains on."""
        pipeline, gathers = self._pipeline, self._gathers
        size = pipeline.sizes()[0 if pipeline.full else 1]

        def fetched(source: Any, begin: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
            def body(number: tf.Tensor, total: tf.Tensor) -> Any:
                x, *_ = pipeline.batch(source, number, size) if gathers else next(source)
                return number + 1, total + tf.cast(tf.reshape(x, [-1])[0], tf.float32)

            return tf.while_loop(lambda number, _: number < end, body, (begin, 0.0))[1]

        graph = tf.function(fetched, reduce_retracing=True, autograph=False)
        endless, last = pipeline.dataset.repeat(), pipeline.full or 1

        def turn(steps: int) -> None:
            batches = None if gathers else iter(endless)
            for begin in range(0, steps, last):
                source = pipeline.order() if gathers else batches
                count = min(last, steps - begin)
                graph(source, tf.constant(0, tf.int64), tf.constant(count, tf.int64)).numpy()

        return turn

    def _wait(self) -> None:
        """For the device, which may be behind."""
        self._model.optimizer.iterations.numpy()


def measure(turns: list[Turn], most: int, repeats: int, likely: Sequence[float | None] = ()) -> list[float]:
    """Seconds of a step of each way, in turns, so that what slows the machine slows all of them alike.

    Args:
        turns: The ways.
        most: Steps a turn.
        repeats: Turns of each, of which the median counts.
        likely: Seconds of a step of each way, as far as they are known.
    """
    steps = []
    for turn, known in zip_longest(turns, likely):
        turn(min(most, 2))  # traces
        began = time.perf_counter()
        turn(min(most, 5))
        each = known or (time.perf_counter() - began) / min(most, 5)
        steps.append(max(1, min(most, int(SECONDS / max(each, 1e-6)))))
    found: list[list[float]] = [[] for _ in turns]
    for _ in range(repeats):
        for turn, count, times in zip(turns, steps, found, strict=True):
            began = time.perf_counter()
            turn(count)
            times.append((time.perf_counter() - began) / count)
    return [statistics.median(times) for times in found]
