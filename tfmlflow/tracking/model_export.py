"""A model in MLflow's format, made on this machine without a word to the store."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import mlflow.tensorflow
import numpy as np
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import Schema, TensorSpec

from tfmlflow.tracking.provenance import requirements

log = logging.getLogger(__name__)


def save(model: keras.Model, folder: Path, example: np.ndarray[Any, Any] | None = None) -> Path:
    """Save `model` with signature, input example and pinned requirements.

    The copy that is saved is not compiled, so that loading needs neither our losses nor our metrics.

    Args:
        model: Built; its weights are saved as they are.
        folder: Must not exist.
        example: Input float32 `(n, *input_shape)`; without it the signature is read off the model.
    """
    plain = uncompiled(model)
    mlflow.tensorflow.save_model(
        plain,
        str(folder),
        signature=_signature(plain, example),
        input_example=example,
        pip_requirements=requirements("tensorflow", "keras", "mlflow", "numpy"),
    )
    return folder


def uncompiled(model: keras.Model) -> keras.Model:
    """A copy with the same weights and no optimizer; the model itself if it cannot be copied."""
    try:
        copy = keras.models.clone_model(model)
        copy.set_weights(model.get_weights())
        return copy
    except (ValueError, TypeError, NotImplementedError) as error:
        log.info("the model is saved as compiled: it cannot be cloned (%s)", error)
        return model


def _signature(model: keras.Model, example: np.ndarray[Any, Any] | None) -> ModelSignature | None:
    if example is not None:
        batch = infer_signature(example, _by_name(model, model(example, training=False)))
        return ModelSignature(_any_batch(batch.inputs), _any_batch(batch.outputs))
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs:
        return None
    return ModelSignature(_of_tensors(inputs), _of_tensors(outputs, getattr(model, "output_names", None)))


def _by_name(model: keras.Model, outputs: Any) -> Any:
    """What a model gives, by the names of its outputs where there are several."""
    if isinstance(outputs, dict):
        return {name: np.asarray(output) for name, output in outputs.items()}
    if isinstance(outputs, list | tuple):
        names = getattr(model, "output_names", None) or [f"output_{place}" for place in range(len(outputs))]
        return {name: np.asarray(output) for name, output in zip(names, outputs, strict=True)}
    return np.asarray(outputs)


def _any_batch(schema: Schema) -> Schema:
    return Schema([TensorSpec(spec.type, (-1, *spec.shape[1:]), spec.name) for spec in schema.inputs])


def _of_tensors(tensors: Any, names: Sequence[str] | None = None) -> Schema:
    named = len(tensors) > 1
    said = names if names and len(names) == len(tensors) else [tensor.name for tensor in tensors]
    return Schema(
        [
            TensorSpec(
                np.dtype(keras.backend.standardize_dtype(tensor.dtype)),
                tuple(-1 if size is None else size for size in tensor.shape),
                name if named else None,
            )
            for name, tensor in zip(said, tensors, strict=True)
        ]
    )
