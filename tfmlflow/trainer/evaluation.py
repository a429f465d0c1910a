"""Loss and metrics of a model on held-out data, also where several processes each look at a part of it."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfmlflow.data.pipeline import in_order
from tfmlflow.data.record import Split
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.trainer import values
from tfmlflow.trainer.steps.measuring import Measuring

ONE = Runtime(())


def evaluate(model: keras.Model, split: Split, batch_size: int, runtime: Runtime = ONE) -> dict[str, float]:
    """Loss and metrics of a compiled model on a split, by Keras's names."""
    if runtime.coordinator is not None:
        return values.scalars(Measuring(model, runtime.coordinator).evaluate(split, batch_size))
    batches = in_order(split, batch_size, runtime.share)
    return values.scalars(evaluate_batches(model, batches, runtime))


def evaluate_batches(
    model: keras.Model,
    batches: tf.data.Dataset,
    runtime: Runtime,
    callbacks: keras.callbacks.CallbackList | None = None,
) -> dict[str, Any]:
    """Loss and metrics of a compiled model.

    Args:
        model: Compiled.
        batches: Of this process: several processes have different ones, as many as there are, and the numbers are of
            all.
        runtime: Who takes part.
        callbacks: That hear of it.
    """
    if runtime.workers == 1:
        said: dict[str, Any] = model.evaluate(batches, callbacks=callbacks, verbose=0, return_dict=True)
        return said
    callbacks = callbacks or keras.callbacks.CallbackList()
    step = getattr(model, "_tfmlflow_test_step", None)
    if step is None:
        step = tf.function(
            lambda batch: runtime.strategy.run(_measure, (model, batch)), reduce_retracing=True, autograph=False
        )
        object.__setattr__(model, "_tfmlflow_test_step", step)  # traced once for all epochs
    callbacks.on_test_begin()
    model.reset_metrics()
    for number, batch in enumerate(batches):
        callbacks.on_test_batch_begin(number)
        step(batch)
        callbacks.on_test_batch_end(number)
    logs: dict[str, Any] = model.get_metrics_result()
    callbacks.on_test_end(logs)
    return logs


def _measure(model: keras.Model, batch: Any) -> None:
    model.test_step(batch)
