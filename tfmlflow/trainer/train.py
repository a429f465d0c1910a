"""The two ways to train: Keras's `fit`, and our own loop."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import keras

from tfmlflow.errors import UsageError
from tfmlflow.trainer.class_weights import weighted
from tfmlflow.trainer.fitting import Fitted, Fitting, History
from tfmlflow.trainer.steps.asynchronous import Asynchronous
from tfmlflow.trainer.steps.loop import Loop
from tfmlflow.trainer.steps.several import Step
from tfmlflow.trainer.steps.step import gradient_step

log = logging.getLogger(__name__)


def fit(*parts: Any, **named: Any) -> Fitted:
    """Compile and train a model by `model.fit`, and put the weights of the best epoch into it.

    Where Keras cannot, over several processes, the steps are taken by our own loop.

    Args:
        parts, named: As of `Fitting`: what is trained, and the settings of conf/trainer/fit.yaml.
    """
    fitting = Fitting(*parts, **named)
    if fitting.runtime.processes > 1 or fitting.runtime.coordinator is not None:
        log.warning("Keras's fit does not train over several processes; the loop of trainer=loop takes its steps")
        return fitting.run(lambda fitting: _loop_of(fitting)(fitting).train())
    return fitting.run(_by_keras)


def loop(*parts: Any, step: Step = gradient_step, **named: Any) -> Fitted:
    """Compile and train a model step by step, and put the weights of the best epoch into it.

    A model whose class has a `fit` of its own is trained by that.

    Args:
        step: Takes the model and a batch, inside a graph; see `gradient_step`.
        parts, named: As of `Fitting`: what is trained, and the settings of conf/trainer/loop.yaml.
    """
    kind = type(parts[0] if parts else named["model"])
    own = getattr(kind, "fit", keras.Model.fit) is not keras.Model.fit
    fitting = Fitting(*parts, **named, groups=not own)
    if own and fitting.phases is not None:
        raise UsageError(f"trainer.unfreeze: {kind.__name__} has a fit of its own, which phases cannot interrupt")
    if own and fitting.runtime.processes == 1:
        log.warning("%s has a fit of its own, which trains it in place of trainer=loop", kind.__name__)
        return fitting.run(_by_keras)
    return fitting.run(lambda fitting: _loop_of(fitting)(fitting, step).train())


def _loop_of(fitting: Fitting) -> type[Loop]:
    return Loop if fitting.runtime.coordinator is None else Asynchronous


def _by_keras(fitting: Fitting) -> History:
    batches, class_weight = fitting.pipeline.dataset, fitting.class_weight
    if fitting.pipeline.mixes and class_weight is not None:  # Keras would take a mixed example for one of its class
        batches = batches.map(lambda *batch: weighted(batch, fitting.class_weight))
        class_weight = None
    if fitting.phases is not None:
        fitting.phases.remake = partial(fitting.model.make_train_function, force=True)
    history: History = fitting.model.fit(
        batches,
        epochs=fitting.settings.epochs,
        validation_data=fitting.validation,
        class_weight=class_weight,
        callbacks=fitting.callbacks,
        shuffle=False,  # the pipeline shuffles
        verbose=0,
    ).history
    return history
