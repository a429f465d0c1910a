"""Training in a loop of our own: several steps in one call into the graph, and every callback as `fit` calls them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmlflow.trainer import values
from tfmlflow.trainer.compiling import build_symbolically
from tfmlflow.trainer.evaluation import evaluate_batches
from tfmlflow.trainer.fitting import Fitting, History
from tfmlflow.trainer.one_order import require_one_order
from tfmlflow.trainer.steps import clipping
from tfmlflow.trainer.steps.several import Batches, Numbers, Several, Step, gathered, taken
from tfmlflow.trainer.steps.step import gradient_step, model_step

log = logging.getLogger(__name__)


class Loop:
    """One training.

    Args:
        fitting: What is trained, and everything around its steps.
        step: Of one batch.
    """

    def __init__(self, fitting: Fitting, step: Step = gradient_step) -> None:
        self._fitting, self._model, self._pipeline = fitting, fitting.model, fitting.pipeline
        own_class = type(self._model).train_step is not keras.Model.train_step
        original = getattr(step, "func", step) is gradient_step  # conf/ has it as a partial
        self._own = own_class or not original
        self._last = own_class and original
        self._step = model_step if self._last else step
        self._kept: set[str] = set()  # metrics that the own step has updated
        runtime = fitting.runtime
        watch = getattr(step, "keywords", {}).get("watch")
        watched = watch is not None and not self._last
        if self._last and watch is not None:
            log.warning(
                "trainer.step.watch=%s: %s has a train_step of its own, whose gradients are not measured",
                *(watch, type(self._model).__name__),
            )
        if self._last and runtime.replicas > 1 and clipping.is_clipped(fitting.model.optimizer):
            log.warning(
                "%s has a train_step of its own, in which Keras clips the gradients of each replica: of %d the sum is "
                "clipped at up to %d times the threshold",
                *(type(self._model).__name__, runtime.replicas, runtime.replicas),
            )
        self._tells = self._own or watched or runtime.replicas > 1  # numbers of each step
        self._alone = runtime.replicas == runtime.workers  # one device in this process
        # Without threads to prepare batches in advance, and without a device to bring them to, the graph gathers them.
        cpu = all("CPU" in device for device in runtime.devices)
        self._gathers = self._pipeline.gathers and cpu and self._alone

    def train(self) -> History:
        """Train all epochs; gives the history."""
        model, epochs, steps = self._model, self._fitting.settings.epochs, self._pipeline.steps
        callbacks = keras.callbacks.CallbackList(
            self._fitting.callbacks,
            add_history=True,
            model=model,
            verbose=0,
            epochs=epochs,
            steps=steps,
            own_step=self._tells,
        )
        model.stop_training = False
        measures = self._built()
        self._make(measures)
        if self._fitting.phases is not None:
            self._fitting.phases.remake = partial(self._make, measures)
        callbacks.on_train_begin()
        logs: Numbers = {}
        for epoch in range(getattr(model, "_initial_epoch", None) or 0, epochs):  # set by BackupAndRestore
            model.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            logs = self._epoch(callbacks)
            self._require_one_order()
            said = self._validate(callbacks)
            logs |= {f"val_{name}": value for name, value in said.items()}
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        if isinstance(model.optimizer, keras.optimizers.Optimizer) and epochs > 0:
            model.optimizer.finalize_variable_values(model.trainable_weights)
        callbacks.on_train_end(logs)
        history: History = model.history.history
        return history

    def _built(self) -> bool:
        """Build loss and metrics; whether they are there: a step of one's own may have no use for them."""
        try:
            with self._fitting.runtime.scope():
                build_symbolically(self._model, self._fitting.data)
        except Exception:
            if not self._own or self._fitting.runtime.replicas > 1:
                raise
            return False
        return True

    def _make(self, measures: bool) -> None:
        """The graphs: of whole batches, and of an epoch's last one where it is smaller."""
        fitting, strategy = self._fitting, self._fitting.runtime.strategy

        def several(batches: Batches) -> Several:
            return Several(self._model, self._step, batches, strategy, fitting.class_weight, measures)

        if self._gathers:
            self._pipeline.wait.off()
            self._whole, self._rest = (several(gathered(self._pipeline, size)) for size in self._pipeline.sizes())
            self._order = tf.function(self._pipeline.order, autograph=False)
            return
        self._rest = self._whole = several(taken)
        if not self._alone:
            self._batches = strategy.experimental_distribute_dataset(self._pipeline.dataset)

    def _require_one_order(self) -> None:
        """End after an epoch in which workers were given somebody's own batches in different orders.

        Raises:
            RuntimeError: They were; on all workers.
        """
        if (passed := self._pipeline.passed) is not None:
            whole = not self._model.stop_training  # else each worker has read ahead by some
            require_one_order(self._fitting.runtime, self._fitting.data.name, passed.now if whole else "")

    def _validate(self, callbacks: keras.callbacks.CallbackList) -> Numbers:
        if self._fitting.validation is None:
            return {}
        return evaluate_batches(self._model, self._fitting.validation, self._fitting.runtime, callbacks)

    def _source(self) -> Any:
        if self._gathers:
            return self._order()
        return iter(self._pipeline.batches if self._alone else self._batches)

    def _groups(self) -> Iterator[tuple[int, int, Any]]:
        """Begin and end of each group of steps, with the graph to run."""
        group, pipeline = int(self._model.steps_per_execution), self._pipeline
        for begin in range(0, pipeline.full, group):
            yield begin, min(begin + group, pipeline.full), self._whole
        if pipeline.full < pipeline.steps:
            yield pipeline.full, pipeline.steps, self._rest

    def _epoch(self, callbacks: keras.callbacks.CallbackList) -> Numbers:
        """Take an epoch's steps; gives its numbers."""
        source, sums, logs = self._source(), dict[str, float](), Numbers()
        for begin, end, graph in self._groups():
            callbacks.on_train_batch_begin(begin)
            told, measured = graph(source, begin, end)
            if self._tells:
                self._tell(end - 1, told)
            logs = measured if not self._own else self._said(told, measured, sums, begin, end)
            callbacks.on_train_batch_end(end - 1, logs)
            if self._model.stop_training:
                break
        return dict(logs)

    def _said(self, told: Numbers, measured: Numbers, sums: dict[str, float], begin: int, end: int) -> Numbers:
        """What is known of the epoch up to here: of metrics that the step keeps, their result, else means."""
        if not set(measured) <= self._kept:
            self._kept |= self._updated()
        logs = {name: value for name, value in measured.items() if name in self._kept}
        for name, value in told.items():
            sums[name] = sums.get(name, 0.0) + float(value.sum(dtype=np.float64))
            if name not in self._kept:
                logs[name] = float(value[-1]) if self._last else sums[name] / end
        return logs

    def _tell(self, batch: int, told: Numbers) -> None:
        """Let those know that want the numbers of each step."""
        for callback in self._fitting.callbacks:
            if hasattr(callback, "on_steps"):
                callback.on_steps(batch, told)

    def _updated(self) -> set[str]:
        """Names of the metrics whose state is no longer that of a fresh one."""
        metrics = values.metric_objects(self._model)
        return {one.name for one in metrics if any(np.any(variable.numpy()) for variable in one.variables)}
