"""The data set as MLflow shows it: name, digest over the whole content, sizes and shapes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfmlflow.data.digest import LENGTH, of_arrays
from tfmlflow.data.record import Data
from tfmlflow.masking import masked
from tfmlflow.tracking.journal.records import Dataset
from tfmlflow.tracking.provenance import fit_call
from tfmlflow.tracking.provenance.fit_call import FitCall


def record(data: Data) -> Dataset:
    """What a run says of its data."""
    profile = {
        "task": data.task,
        "classes": data.classes,
        "train": len(data.train),
        "validation": len(data.validation),
        "test": len(data.test),
    }
    if data.skipped:
        profile["skipped"] = len(data.skipped)
    specs = [(one.dtype, tuple(one.shape)) for one in data.inputs.values()]
    schema = _schema(specs or [(data.input_dtype, tuple(data.input_shape))], [_spec(data.train.y)], [*data.inputs])
    return Dataset(
        name=data.name,
        digest=data.digest,
        source=str(masked("source", data.source)),
        profile=json.dumps(profile),
        schema=json.dumps(schema),
        context="training",
    )


def of_fit(call: FitCall, digest: str | None = None) -> Dataset | None:
    """The data of somebody's `fit`: of arrays with a digest over all of them, which takes a second a gigabyte.

    Args:
        call: The `fit`.
        digest: That somebody has given.
    """
    if call.x is None:
        return None
    x, y = fit_call.arrays(call.x), fit_call.arrays(call.y)
    profile: dict[str, Any] = {"examples": call.examples} if call.examples is not None else {}
    kind = type(call.x)
    if x:
        schema = _schema([_spec(array) for array in x], [_spec(array) for array in y])
        digest = digest or of_arrays(*x, *y)
        name = "arrays"
    else:
        said = f"{kind.__name__} {getattr(call.x, 'element_spec', '')}"
        schema, name = _schema([], []), kind.__name__.strip("_")
        digest = digest or hashlib.sha256(said.encode()).hexdigest()[:LENGTH]
        profile["digest"] = "of what its elements are, not of their content"
    return Dataset(
        name, digest[:LENGTH], f"{kind.__module__}.{kind.__name__}", json.dumps(profile), json.dumps(schema), "training"
    )


def facts(call: FitCall) -> dict[str, Any]:
    """What people are told of the data of somebody's `fit`."""
    x, y = fit_call.arrays(call.x), fit_call.arrays(call.y)
    said = {"inputs": x, "targets": y}
    shown = {key: "; ".join(f"{kind} {list(shape)}" for kind, shape in map(_spec, of)) for key, of in said.items()}
    return {
        "kind": type(call.x).__name__ if call.x is not None and not x else None,
        "elements": str(getattr(call.x, "element_spec", "")) or None,
        "examples": f"{call.examples:,}" if call.examples is not None else None,
        "share for validation": call.settings.get("validation_split"),
        **shown,
    }


def _spec(array: np.ndarray[Any, Any]) -> tuple[str, tuple[int, ...]]:
    return str(array.dtype), tuple(array.shape[1:])


def _schema(
    features: Sequence[tuple[str, tuple[int, ...]]],
    targets: Sequence[tuple[str, tuple[int, ...]]],
    names: Sequence[str] = (),
) -> Any:
    def specs(of: Sequence[tuple[str, tuple[int, ...]]]) -> list[Any]:
        return [{"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": [-1, *shape]}} for dtype, shape in of]

    said = specs(features)
    for name, one in zip(names, said, strict=False):
        one["name"] = name
    return {"mlflow_tensorspec": {"features": said, "targets": specs(targets)}}
