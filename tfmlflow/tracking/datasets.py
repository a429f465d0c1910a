"""The data set as MLflow shows it: name, digest over the whole content, sizes and shapes."""

from __future__ import annotations

import json

from tfmlflow.data.record import Data
from tfmlflow.tracking.records import Dataset
from tfmlflow.tracking.secrets import masked


def record(data: Data) -> Dataset:
    """What a run says of its data."""
    profile = {
        "task": data.task,
        "classes": data.classes,
        "train": len(data.train),
        "validation": len(data.validation),
        "test": len(data.test),
    }
    inputs = {"type": "tensor", "tensor-spec": {"dtype": data.input_dtype, "shape": [-1, *data.input_shape]}}
    target = {"dtype": str(data.train.y.dtype), "shape": [-1, *data.train.y.shape[1:]]}
    schema = {
        "mlflow_tensorspec": {"features": [inputs], "targets": [{"type": "tensor", "tensor-spec": target}]},
    }
    return Dataset(
        name=data.name,
        digest=data.digest,
        source=str(masked("source", data.source)),
        profile=json.dumps(profile),
        schema=json.dumps(schema),
        context="training",
    )
