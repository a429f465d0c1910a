"""LiteRT (TensorFlow Lite): one file with integer weights and arithmetic, for phones and small computers."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmlflow.compress.precision import quantized
from tfmlflow.compress.work import Refused, Work


def convert(model: keras.Model, work: Work, weights: str = "int8", examples: int = 200) -> LiteRT:
    """The model as a LiteRT file.

    Args:
        model: Of one input and one output.
        work: Has training inputs, by which the ranges of activations are found.
        weights: `float32`; `float16`; `dynamic`: integer weights, activations in float; `int8`: all integer.
        examples: How many inputs are looked at for int8.

    Raises:
        Refused: It cannot be converted.
    """
    if len(model.inputs or ()) != 1 or len(model.outputs or ()) != 1:
        raise Refused(f"{model.name}: a LiteRT file is made here of models with one input and one output")
    if already := quantized(model):
        raise Refused(
            f"{model.name}: LiteRT cannot take layers that Keras has quantized ({already[0].name}); begin with the "
            "model that it was made of"
        )
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if weights != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if weights == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if weights == "int8":
        kind = model.inputs[0].dtype

        def some() -> Iterator[list[Any]]:
            for one in work.examples[:examples]:
                yield [np.asarray(one[None], kind)]

        converter.representative_dataset = some
    try:
        with _silent():
            content = converter.convert()
    except Exception as error:  # of the converter's own many kinds
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise Refused(f"{model.name}: LiteRT cannot convert it: {said[:300]}") from error
    return LiteRT(bytes(content), model)


class LiteRT(keras.Model):
    """A LiteRT file as a Keras model that can be evaluated, and not trained.

    Args:
        content: Of the file.
        like: The model that it was made of.

    Attributes:
        content: Of the file.
    """

    def __init__(self, content: bytes, like: keras.Model) -> None:
        super().__init__(name=f"{like.name}_litert")
        self.content = content
        self._takes, self._gives = like.inputs[0].dtype, like.outputs[0].dtype
        self._rank = tuple(like.output_shape[1:])
        self._interpreters: dict[tuple[int, ...], Any] = {}
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Outputs of the file's model."""
        made = tf.numpy_function(self.predict_array, [tf.cast(inputs, self._takes)], self._gives)
        made.set_shape((inputs.shape[0], *self._rank))
        return made

    def predict_array(self, inputs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Outputs `(n, ...)` for inputs `(n, ...)`, without TensorFlow's graph."""
        one = self._interpreters.get(inputs.shape)
        if one is None:
            if len(self._interpreters) > 3:
                self._interpreters.clear()
            one = self._interpreters[inputs.shape] = self._interpreter(inputs.shape)
        one.set_tensor(one.get_input_details()[0]["index"], inputs)
        one.invoke()
        made: np.ndarray[Any, Any] = one.get_tensor(one.get_output_details()[0]["index"])
        return made.astype(self._gives)

    def _interpreter(self, shape: tuple[int, ...]) -> Any:
        with warnings.catch_warnings(), _silent():
            warnings.simplefilter("ignore")  # of the class's place in later versions
            made = tf.lite.Interpreter(model_content=self.content, num_threads=len(os.sched_getaffinity(0)))
        made.resize_tensor_input(made.get_input_details()[0]["index"], shape)
        made.allocate_tensors()
        return made


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Without what the converter prints of its own files."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
