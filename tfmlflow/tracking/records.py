"""What can be said to a run: the records that a `Sink` takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Point:
    """One value of a metric; `time` in milliseconds since 1970."""

    key: str
    value: float
    step: int
    time: int


@dataclass(frozen=True)
class Params:
    """What the run was given, as text by dotted names; said once, MLflow refuses to change them."""

    values: Mapping[str, str]


@dataclass(frozen=True)
class Tags:
    """What is to be known about the run; a later value replaces an earlier one."""

    values: Mapping[str, str]


@dataclass(frozen=True)
class Artifact:
    """A file, to be stored in the run's folder `folder`; a later one of the same name replaces it."""

    file: Path
    folder: str


@dataclass(frozen=True)
class Dataset:
    """The data that the run used, as MLflow's fields."""

    name: str
    digest: str
    source: str
    profile: str
    schema: str
    context: str


@dataclass(frozen=True)
class Model:
    """A model saved in `folder` in MLflow's format, to become a LoggedModel.

    Attributes:
        folder: As `mlflow.tensorflow.save_model` left it.
        name: Of the LoggedModel.
        step: The epoch whose weights it has.
        metrics: That these weights reached, by MLflow names.
        time: Of the metrics, milliseconds since 1970.
        params: Of the run, so that models can be searched by them.
        dataset: Name and digest of the data that the metrics were measured on, or None.
    """

    folder: Path
    name: str
    step: int
    metrics: Mapping[str, float]
    time: int
    params: Mapping[str, str] = field(default_factory=dict)
    dataset: tuple[str, str] | None = None


@dataclass(frozen=True)
class End:
    """The run is over: `status` is FINISHED, FAILED or KILLED."""

    status: str


Record = Point | Params | Tags | Artifact | Dataset | Model | End


class Sink(Protocol):
    """Where records go. Putting one costs microseconds and never fails; delivering them is the sink's business."""

    def put(self, record: Record) -> None:
        """Take a record."""

    def flush(self, timeout: float) -> bool:
        """Wait until all records so far are in the store, at most `timeout` seconds; whether they are."""

    def close(self, timeout: float) -> bool:
        """`flush`, and take no more."""


def as_param(value: Any) -> str:
    """A value as MLflow shows it: `null` and `true` as one types them."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and float(np.float32(value)) == value:
        return str(np.float32(value))  # 0.01, not 0.009999999776482582
    return str(value)
