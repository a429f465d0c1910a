"""A model in MLflow's format, made on this machine without a word to the store."""

from __future__ import annotations

import logging
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle
import keras
import mlflow.tensorflow
import numpy as np
from mlflow.models import Model
from mlflow.models.utils import _save_example  # what log_model itself calls; there is no public way

from tfmlflow import layer_state
from tfmlflow.predictor.predictor import Predictor
from tfmlflow.predictor.preparation import Preparation
from tfmlflow.tracking.models import model_signature, predictor_code
from tfmlflow.tracking.models.environment import NOWHERE, pin
from tfmlflow.tracking.models.predictor_code import CODE
from tfmlflow.trainer.metrics import take_logits

log = logging.getLogger(__name__)


def save(model: keras.Model, folder: Path, example: Any = None, fitted: np.dtype[Any] | None = None) -> Path:
    """Save `model` with signature, input example and pinned requirements.

    What is saved is not compiled, so that loading needs neither our losses nor our metrics.

    Args:
        model: Built; its weights are saved as they are.
        folder: Must not exist.
        example: Input float32 `(n, *input_shape)`; without it the signature is read off the model.
        fitted: Type of the numbers that it was fitted to, the signature's where there is no example.
    """
    plain = uncompiled(model)
    with layer_state.not_compiled(plain):
        mlflow.tensorflow.save_model(
            plain,
            str(folder),
            signature=model_signature.of_network(plain, example, fitted),
            input_example=example,
            pip_requirements=[NOWHERE],
        )
    pin(folder, "tensorflow", "keras", "numpy")
    _leave_out_own_objects(folder)
    return folder


def save_prepared(model: keras.Model, folder: Path, example: Any, preparation: Preparation, raw: Any) -> Path:
    """Save `model` so that `mlflow.pyfunc` takes raw examples and gives labels and probabilities by name.

    `mlflow.tensorflow` and `keras.saving` give the network itself, which takes what the preparation makes.

    Args:
        model: Built; its weights are saved as they are.
        folder: Must not exist.
        example: Input of the network, float32 `(n, *input_shape)`, or several by name.
        preparation: How raw examples become such input.
        raw: A few raw examples, as the preparation takes them; stored with the model.
    """
    plain = uncompiled(model)
    try:
        outputs = np.asarray(plain(Predictor(plain, preparation).prepared(raw), training=False))
        preparation = replace(preparation, scores=scores(model, preparation.task, outputs))
        predicted = Predictor(plain, preparation).named(outputs)
    except Exception as error:  # a model of several outputs, say
        log.warning("the model is stored without its preparation: raw examples cannot be given to it: %s", error)
        return save(model, folder, example)
    with layer_state.not_compiled(plain):
        mlflow.tensorflow.save_model(
            plain,
            str(folder),
            signature=model_signature.of_network(plain, example),
            pip_requirements=[NOWHERE],
        )
    pin(folder, "tensorflow", "keras", "numpy", "pandas")
    _leave_out_own_objects(folder)
    preparation.write(folder)
    made = Model.load(str(folder))
    made.signature = model_signature.of_predictor(preparation, raw, predicted)
    _save_example(made, raw, str(folder))
    function = {key: value for key, value in made.flavors["python_function"].items() if key != "data"}
    made.flavors["python_function"] = function | {"loader_module": predictor_code.copy(folder / CODE), "code": CODE}
    made.save(str(folder / "MLmodel"))
    return folder


def _leave_out_own_objects(folder: Path) -> None:
    """MLflow pickles all that is registered; what the model is not made of is not needed, and may not be there."""
    pickled = folder / "data" / "global_custom_objects.cloudpickle"
    if not pickled.exists():
        return
    with zipfile.ZipFile(folder / "data" / "model.keras") as archive:
        said = archive.read("config.json").decode()
    theirs = {
        key: one
        for key, one in keras.saving.get_custom_objects().items()
        if not key.startswith("tfmlflow>") and (f'"{key}"' in said or f'"{key.rpartition(">")[2]}"' in said)
    }
    if theirs:
        pickled.write_bytes(cloudpickle.dumps(theirs))
    else:
        pickled.unlink()


def scores(model: keras.Model, task: str, outputs: np.ndarray[Any, Any]) -> str:
    """What a classifier gives: told by its loss, else by its last activation, else by a few of its outputs."""
    if take_logits(getattr(model, "loss", None)):
        return "logits"
    last = _last_activation(model)
    several = outputs.shape[-1] > 1
    if task == "regression" or last == ("softmax" if several else "sigmoid"):
        return "probabilities"
    within = bool(((outputs >= -1e-4) & (outputs <= 1.0 + 1e-4)).all())
    summed = not several or np.allclose(outputs.sum(axis=-1), 1.0, atol=1e-2)
    return "probabilities" if within and summed and last is None else "scores"


def _last_activation(model: keras.Model) -> str | None:
    """Its name; None if it cannot be read off the layers."""
    layers = getattr(model, "layers", None) or [None]
    if isinstance(layers[-1], keras.layers.Softmax):
        return "softmax"
    activation = getattr(layers[-1], "activation", None)
    return getattr(activation, "__name__", None)


def uncompiled(model: keras.Model) -> keras.Model:
    """A copy with the same weights and no optimizer; the model itself if no copy would compute as it does."""
    if layer_state.looks_words_up(model):
        return model
    try:
        with layer_state.not_compiled(model):  # else its clone has an optimizer, built: twice its size
            copy = keras.models.clone_model(model)
        layer_state.carry(model, copy)
        return copy
    except (ValueError, TypeError, NotImplementedError) as error:
        log.info("the model itself is saved: it cannot be cloned (%s)", error)
        return model
