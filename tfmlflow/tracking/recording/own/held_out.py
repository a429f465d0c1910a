"""The validation examples of a fit of one's own, of which its report shows what the best weights say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tfmlflow.analysis.predictions.classified import Unfit
from tfmlflow.data.inputs import each
from tfmlflow.data.record import Data, Split
from tfmlflow.probe import about
from tfmlflow.tracking.provenance.fit_call import FitCall, arrays
from tfmlflow.tracking.recording.report.parts import Parts
from tfmlflow.tracking.recording.report.predictions import Predictions
from tfmlflow.trainer.predicting import Forward, predict

SECONDS = 5.0  # that asking the model may take
CLASSES = 1000  # most, of which a matrix of all against all is shown
LARGEST = 100_000_000  # numbers that are held a second time, where they are to reach the model as they are
SQUARES = ("squared", "absolute", "huber", "logcosh", "log_cosh", "mse", "mae")  # in names of losses of numbers


def predicted(model: keras.Model, call: FitCall, names: Sequence[str], parts: Parts) -> dict[str, Any]:
    """Content of the page, of the model with the weights that it has; empty where the model cannot be asked.

    Args:
        model: Compiled and fitted.
        call: Its `fit`.
        names: Of classes, as far as known.
        parts: Makes it, and says what is left out and why.
    """
    data = parts.make("predictions", lambda: _data(model, call, names))
    if data is None:
        return {}
    split, forward = data.validation, Forward(model)
    forward.batch = min(forward.batch, call.batch_size or forward.batch)  # more may not fit on the device
    asked = parts.make("predictions", lambda: predict(forward, split, SECONDS, outputs=data.classes or 1))
    return {} if asked is None else Predictions(model, data, split, "validation", asked, parts).content()


def _data(model: keras.Model, call: FitCall, names: Sequence[str]) -> Data:
    """The record of validation examples in memory, whose model can be asked without leaving anything behind.

    Raises:
        Unfit: There are none, or it cannot.
    """
    if call.validation is None:
        raise Unfit("fit had no validation examples")
    x, y = call.validation
    if not arrays(x) or len(arrays(y)) != 1:
        raise Unfit("the validation examples are no arrays, and are not read once more")
    if not isinstance(x, dict) and len(arrays(x)) > 1:
        raise Unfit("several inputs are shown if they have names")
    if getattr(model.distribute_strategy, "num_replicas_in_sync", 1) > 1:
        raise Unfit("the model is on several devices")
    if not about.is_keras_own(model):
        raise Unfit("the model has layers or steps of its own, and is not asked for more than its fit does")
    targets = np.asarray(arrays(y)[0])
    task, width = _task(model)
    classes = {"multiclass": width, "binary": 2}.get(task, 0)
    if classes > CLASSES:
        raise Unfit(f"of {classes:,} classes; they are shown of up to {CLASSES:,}")
    inputs = each({key: np.asarray(one) for key, one in x.items()} if isinstance(x, dict) else arrays(x)[0], _raw)
    shape = () if isinstance(inputs, Mapping) else inputs.shape[1:]
    split = Split(inputs, targets)
    labels = tuple(names) if len(names) == classes else ()
    columns = tuple(map(str, getattr(x, "columns", ())))
    return Data("arrays", task, split, split, split, shape, classes, "", max(1, width), labels, columns)


def _raw(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Numbers that reach the model as they are: of ours, uint8 are pixels that are scaled on the way."""
    if x.dtype != np.uint8:
        return x
    if x.size > LARGEST:
        raise Unfit(f"{x.size:,} numbers of 8 bits are too many to be shown")
    return x.astype(np.uint16)


def _task(model: keras.Model) -> tuple[Any, int]:
    """What the outputs are, by the loss, and how many."""
    outputs = getattr(model, "outputs", None) or ()
    shapes = [tuple(one.shape) for one in outputs]
    if len(shapes) != 1 or len(shapes[0]) != 2:
        raise Unfit("the model gives something else than one row of numbers for each example")
    width, loss = int(shapes[0][-1]), about.loss_name(model)
    plain = loss.replace("_", "").lower()
    if plain.startswith(("sparsecategorical", "categorical")) and width > 1:
        return "multiclass", width
    if plain.startswith("binary") and width == 1:
        return "binary", width
    if any(word in loss.lower() for word in SQUARES):
        return "regression", width
    raise Unfit(f"nothing tells what {width} output(s) under the loss {loss} stand for")
