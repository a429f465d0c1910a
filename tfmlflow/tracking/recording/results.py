"""What a training leaves at its end: the best epoch's metrics and model, and the curves.

A failure in here is a warning and a tag: a training that went well must not fail for it.
"""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmlflow.analysis import curves
from tfmlflow.predictor.preparation import Preparation
from tfmlflow.tracking.journal.records import Registration
from tfmlflow.tracking.models import model_export, safe_model
from tfmlflow.tracking.run.session import Session
from tfmlflow.trainer.callbacks.best import BestWeights
from tfmlflow.vocabulary import Metric

log = logging.getLogger(__name__)

BEST, LAST = "best", "last"  # names of LoggedModels


def metrics(best: BestWeights) -> dict[str, float]:
    """Of the best epoch: `best/<m>`, its validation metrics; `best/objective`, that it is the best by; `best/epoch`."""
    if best.epoch is None:
        return {}
    validated = {name.removeprefix("val_"): v for name, v in best.logs.items() if name.startswith("val_")}
    reached = {f"best/{name}": value for name, value in validated.items()}
    if best.value is not None:
        reached[Metric.BEST_OBJECTIVE] = best.value
    return reached | {Metric.BEST_EPOCH: float(best.epoch)}


def registration(best: BestWeights, name: str | None, digest: str | None) -> Registration | None:
    """The best epoch's way into the registry as `name`."""
    if name is None or best.value is None:
        return None
    return Registration(name, best.objective.metric, best.objective.mode, best.value, digest)


def draw(
    session: Session,
    history: Mapping[str, Sequence[tuple[int, float]]],
    best_epoch: int | None,
    matrices: Mapping[str, np.ndarray[Any, Any]],
    marks: Mapping[int, str] | None = None,
) -> None:
    """Store the training curves as pictures, and the last value of each metric that gives a matrix."""
    folder = session.staging / "plots"
    try:
        for file in (*curves.draw(history, folder, best_epoch, marks), *curves.draw_matrices(matrices, folder)):
            session.artifact(file, "plots")
    except Exception as error:
        _warn(session, "the curves cannot be drawn", error)


def log_model(
    session: Session,
    model: keras.Model,
    step: int,
    reached: Mapping[str, float],
    at: float,
    dataset: tuple[str, str] | None = None,
    example: np.ndarray[Any, Any] | None = None,
    registered: Registration | None = None,
    name: str = BEST,
    preparation: Preparation | None = None,
    raw: Any = None,
    fitted: np.dtype[Any] | None = None,
) -> None:
    """Store `model`, with its weights as they are, as a LoggedModel.

    Args:
        session: The run.
        model: Holds the weights of an epoch.
        step: That epoch.
        reached: Its metrics; they stand in the run too, under the time `at` (seconds since 1970).
        at: That time.
        dataset: Name and digest of the data that the metrics were measured on.
        example: Input `(n, *input_shape)`, stored with the model.
        registered: Its way into the registry.
        name: Of the LoggedModel.
        preparation: What its data taught, stored with it.
        raw: Examples as the preparation takes them.
        fitted: Type of the numbers that the model was fitted to, as far as known.
    """
    folder = session.staging / f"model-{name}-{step}"
    try:
        if preparation is None or example is None:
            model_export.save(model, folder, example, fitted)
        else:
            model_export.save_prepared(model, folder, example, preparation, raw)
    except Exception as error:
        _warn(session, f"the {name} model cannot be stored (its weights are in the {name} checkpoint)", error)
        return
    with contextlib.suppress(OSError, ValueError):
        _say_what_it_needs(folder, name)
    session.model(folder, name, step, reached, at, dataset, registered)


def _say_what_it_needs(folder: Path, name: str) -> None:
    others = safe_model.unregistered(folder)
    own, options = [one for one in others if one != "Lambda"], list[str]()
    if own:
        options.append(f'"custom_objects": {{{", ".join(f"{one!r}: {one}" for one in own)}}}')
    if "Lambda" in others:
        options.append('"safe_mode": False')  # a lambda is code
    if options:
        log.warning(
            "the %s model is stored, and loading it needs mlflow.tensorflow.load_model(…, keras_model_kwargs={%s})%s",
            *(name, ", ".join(options)),
            "; @keras.saving.register_keras_serializable() above a class spares its name" if own else "",
        )


def _warn(session: Session, what: str, error: Exception) -> None:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return session.disk_trouble(error, what)
    log.warning("%s: %s: %s", what, type(error).__name__, error)
    session.missing(f"{what}: {type(error).__name__}: {error}")
