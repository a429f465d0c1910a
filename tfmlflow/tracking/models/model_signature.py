"""What a stored model takes and gives, in MLflow's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import AnyType

from tfmlflow.predictor.preparation import Preparation


def of_network(model: keras.Model, example: Any, fitted: np.dtype[Any] | None = None) -> ModelSignature | None:
    """Of the arrays that the network itself takes and gives; None if that is not known.

    Args:
        model: The network.
        example: Input; None: the signature is read off the network.
        fitted: Type of the numbers that it was fitted to, which is the signature's where it has one input: a network
            takes pixels of 8 bits and numbers of 64 as well as float32, and MLflow lets nothing else pass.
    """
    if example is not None:
        batch = infer_signature(example, _by_name(model, model(example, training=False)))
        return ModelSignature(_any_batch(batch.inputs), _any_batch(batch.outputs))
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs:
        return None
    takes = _of_tensors(inputs)
    if fitted is not None and fitted.kind in "iufb" and len(inputs) == 1:
        takes = Schema([TensorSpec(fitted, spec.shape, spec.name) for spec in takes.inputs])
    return ModelSignature(takes, _of_tensors(outputs, getattr(model, "output_names", None)))


def of_predictor(preparation: Preparation, raw: Any, predicted: pd.DataFrame) -> ModelSignature:
    """Of the raw examples that the model takes with its preparation, and of its named predictions.

    The columns of a table are of any type: MLflow refuses whole numbers where it was told fractions, or text, and a
    column of whole numbers becomes one of fractions wherever a value is missing.
    """
    if preparation.kind == "table":
        takes = Schema([ColSpec(AnyType(), one.name) for one in preparation.columns])
    elif preparation.kind == "texts":
        takes = Schema([ColSpec(DataType.string, preparation.text)])
    elif preparation.kind == "pictures":
        takes = Schema([ColSpec(DataType.binary, name) for name in raw.columns])
    else:
        takes = _any_batch(infer_signature(raw).inputs)
    gives = [
        ColSpec(DataType.string if predicted[name].dtype.kind not in "fiu" else DataType.double, str(name))
        for name in predicted.columns
    ]
    return ModelSignature(takes, Schema(gives))


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


def _dtype(tensor: Any) -> np.dtype[Any]:
    name = keras.backend.standardize_dtype(tensor.dtype)
    return np.dtype(str if name == "string" else name)


def _of_tensors(tensors: Any, names: Sequence[str] | None = None) -> Schema:
    named = len(tensors) > 1
    said = names if names and len(names) == len(tensors) else [tensor.name for tensor in tensors]
    return Schema(
        [
            TensorSpec(
                _dtype(tensor),
                tuple(-1 if size is None else size for size in tensor.shape),
                name if named else None,
            )
            for name, tensor in zip(said, tensors, strict=True)
        ]
    )
