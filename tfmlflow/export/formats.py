"""The formats: how a network is written, and how what was written is asked."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmlflow.data.inputs import names
from tfmlflow.errors import UsageError
from tfmlflow.export import network
from tfmlflow.predictor.preparation import Preparation

Arrays = dict[str, NDArray[Any]]
Asked = Callable[[Arrays], Arrays]
"""From inputs `(n, ...)` to outputs, by name."""
OPSET = 18  # of ONNX, which ONNX Runtime knows since 1.14


def write(model: keras.Model, preparation: Preparation | None, to: str, place: Path, example: Arrays) -> None:
    """Write a network.

    Args:
        model, preparation: Of the store.
        to: keras, savedmodel, litert or onnx.
        place: File or folder, which is not there yet.
        example: A few inputs.

    Raises:
        UsageError: The format does not have what the network does.
    """
    if to == "keras":
        model.save(place)
        return
    renamed = network.named(network.unrolled(model) if to == "litert" else model, preparation)
    renamed({name: _tensor(array[:1]) for name, array in example.items()})  # Keras exports what was called
    try:
        with _quiet():
            if to == "savedmodel":
                renamed.export(place, format="tf_saved_model", verbose=False)
            elif to == "litert":
                place.write_bytes(_litert(renamed, place))
            else:
                renamed.export(place, format="onnx", verbose=False, opset_version=OPSET)
    except UsageError:
        raise
    except Exception as error:  # the converters raise whatever they like
        raise UsageError(f"--to {to}: the converter does not take this network: {_first_line(error)}") from error


def _litert(model: keras.Model, place: Path) -> bytes:
    folder = place.with_name("saved_model")
    model.export(folder, format="tf_saved_model", verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))  # its own operations alone: it runs everywhere
    content: bytes = converter.convert()
    return content


def read(to: str, place: Path, preparation: Preparation | None) -> Asked:
    """What was written, as a function."""
    asked: dict[str, Callable[[Path, Preparation | None], Asked]] = {
        "keras": _keras,
        "savedmodel": _saved_model,
        "litert": _tflite,
        "onnx": _onnx,
    }
    with _quiet():
        return asked[to](place, preparation)


def of_model(model: keras.Model, preparation: Preparation | None) -> Asked:
    """The original, as a function."""
    known, structure = names(model), getattr(model, "_inputs_struct", None)

    def ask(arrays: Arrays) -> Arrays:
        inputs = {name: _tensor(one) for name, one in arrays.items()}
        if len(inputs) > 1:
            given: Any = inputs
            if not isinstance(structure, dict):
                given = [inputs[name] for name in known]
        else:
            (given,) = inputs.values()
            given = {known[0]: given} if isinstance(structure, dict) else given
        outputs = network.by_name(model, model.predict(given, verbose=0), preparation)
        return {name: np.asarray(one) for name, one in outputs.items()}

    return ask


def _tensor(array: NDArray[Any]) -> Any:
    """Keras takes texts in tensors alone."""
    return tf.constant(array) if array.dtype == object else array


def _keras(place: Path, preparation: Preparation | None) -> Asked:
    return of_model(keras.saving.load_model(place, compile=False, safe_mode=False), preparation)  # it was ours


def _saved_model(place: Path, preparation: Preparation | None) -> Asked:
    loaded = tf.saved_model.load(str(place))
    serve = loaded.signatures["serving_default"]

    def ask(inputs: Arrays) -> Arrays:
        return {name: np.asarray(one) for name, one in serve(**{k: tf.constant(v) for k, v in inputs.items()}).items()}

    ask.loaded = loaded  # type: ignore[attr-defined]  # a signature does not keep its variables alive
    return ask


def _tflite(place: Path, preparation: Preparation | None) -> Asked:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it moves to ai-edge-litert
        interpreter = tf.lite.Interpreter(model_path=str(place))
    interpreter.allocate_tensors()  # and says so
    runner = interpreter.get_signature_runner("serving_default")
    return lambda inputs: dict(runner(**inputs))


def _onnx(place: Path, preparation: Preparation | None) -> Asked:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(place), providers=["CPUExecutionProvider"])
    outputs = [one.name for one in session.get_outputs()]
    return lambda inputs: dict(zip(outputs, session.run(outputs, inputs), strict=True))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the converters' notices, which are of no use to whom they are shown."""
    loggers = [logging.getLogger(name) for name in ("tf2onnx", "absl", "tensorflow")]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.ERROR)
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
