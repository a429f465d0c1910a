"""The validation examples of a fit of one's own, of which its report shows what the best weights say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tfmlflow.analysis.predictions.classified import Unfit
from tfmlflow.data.record import Data, Split, Task
from tfmlflow.probe import about
from tfmlflow.tracking.provenance.fit_call import FitCall
from tfmlflow.tracking.recording.report.parts import Parts
from tfmlflow.tracking.recording.report.predictions import Predictions
from tfmlflow.trainer.predicting import Forward, Outputs, predict

SECONDS = 5.0  # that asking the model may take
WIDEST = 1000  # outputs: a matrix of all classes against all is shown
LARGEST = 100_000_000  # numbers that are held a second time, where they are no array yet, or 8 bits wide
SQUARES = ("squared", "absolute", "huber", "logcosh", "log_cosh", "mse", "mae")  # in Keras's names of losses of numbers


def predicted(
    model: keras.Model, call: FitCall, names: Sequence[str], parts: Parts, shows: bool = False
) -> dict[str, Any]:
    """Content of the page, of the model with the weights that it has; empty where the model cannot be asked.

    Args:
        model: Compiled and fitted.
        call: Its `fit`.
        names: Of classes, as far as known.
        parts: Makes it, and says what is left out and why.
        shows: Whether examples are shown.
    """
    data = parts.make("predictions", lambda: _data(model, call, names))
    if data is None:
        return {}
    split = data.validation

    def asked() -> Outputs:
        forward = Forward(model)
        forward.batch = min(forward.batch, call.batch_size or 32)  # more may not fit on the device
        return predict(forward, split, SECONDS, outputs=data.classes or data.outputs)

    outputs = parts.make("predictions", asked)
    if outputs is None:
        return {}
    return Predictions(model, data, split, "validation", outputs, parts, shows=shows).content()


def _data(model: keras.Model, call: FitCall, names: Sequence[str]) -> Data:
    """The record of validation examples in memory, whose model can be asked without leaving anything behind.

    Raises:
        Unfit: There are none, or it cannot.
    """
    if call.validation is None:
        raise Unfit("fit had no validation examples")
    x, y = call.validation
    named = dict(x) if isinstance(x, Mapping) else {"": x}
    if y is None or not all(map(_is_held, (y, *named.values()))):
        raise Unfit("the validation examples are no arrays, and are not read once more")
    if getattr(model.distribute_strategy, "num_replicas_in_sync", 1) > 1:
        raise Unfit("the model is on several devices")
    if not about.is_keras_own(model):
        raise Unfit("the model has layers or steps of its own, and is not asked for more than its fit does")
    task, width = _task(model)
    targets = np.asarray(y)
    if task == "regression" and (targets.dtype.kind not in "iuf" or not np.isfinite(targets).all()):
        raise Unfit("the targets have gaps")
    arrays = {name: _raw(np.asarray(one)) for name, one in named.items()}
    inputs = arrays if isinstance(x, Mapping) else arrays[""]
    split = Split(inputs, targets)
    classes = {"multiclass": width, "binary": 2}.get(task, 0)
    return Data(
        *("arrays", task, split, split, split),
        input_shape=() if isinstance(inputs, Mapping) else inputs.shape[1:],
        classes=classes,
        digest="",
        outputs=width,
        class_names=tuple(names) if len(names) == classes else (),
        feature_names=tuple(map(str, getattr(x, "columns", ()))),
    )


def _is_held(data: Any) -> bool:
    """Whether it lies in memory, or is small enough to be put there once more: an array, a table, a tensor."""
    if isinstance(data, np.ndarray):
        return True
    shape = getattr(data, "shape", None)
    return hasattr(data, "__array__") and shape is not None and None not in shape and int(np.prod(shape)) <= LARGEST


def _raw(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Numbers that reach the model as they are: of ours, uint8 are pixels that are scaled on the way."""
    if x.dtype != np.uint8:
        return x
    if x.size > LARGEST:
        raise Unfit(f"{x.size:,} numbers of 8 bits are too many to be shown")
    return x.astype(np.uint16)


def _task(model: keras.Model) -> tuple[Task, int]:
    """What the outputs are, by the loss, and how many."""
    shapes = [tuple(one.shape) for one in getattr(model, "outputs", None) or ()]
    if len(shapes) != 1 or len(shapes[0]) != 2:
        raise Unfit("the model gives something else than one row of numbers for each example")
    if any(one.shape[0] is not None for one in model.inputs):
        raise Unfit("the model takes batches of one size alone")
    width, loss = int(shapes[0][-1]), about.loss_name(model)
    plain, own = loss.replace("_", "").lower(), not _is_of_keras(model.loss)
    if width > WIDEST:
        raise Unfit(f"of {width:,} outputs; they are shown of up to {WIDEST:,}")
    if plain.startswith(("sparsecategorical", "categorical")) and width > 1 and not own:
        return "multiclass", width
    if plain.startswith("binary") and width == 1 and not own:
        return "binary", width
    if any(word in loss.lower() for word in SQUARES) and not own:
        return "regression", width
    raise Unfit(f"nothing tells what {width} output(s) under the loss {loss} stand for")


def _is_of_keras(loss: Any) -> bool:
    """Whether a loss is one of Keras's: what others are called by tells nothing."""
    module = getattr(loss if callable(loss) and hasattr(loss, "__name__") else type(loss), "__module__", "")
    return isinstance(loss, str) or str(module).partition(".")[0] == "keras"
