"""What can be said to a run: the records that a training writes to its journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfmlflow.tracking.journal.liveness import Process


@dataclass(frozen=True)
class Begin:
    """A training begins to write to the run; a further one does it again in the same journal.

    Attributes:
        uri: Of the store, without a login in it.
        experiment: Name of the experiment.
        experiment_id: Its id, or None if the store was away.
        run_id: The MLflow run, or None if the store was away and the shipper is to create it.
        name: Of the run.
        tags: Of a run that is still to be created.
        process: The trainer, whose death is noticed.
        owned: Whether we end the run; else somebody else does, who has opened it.
        sampled: Whether the trainer's CPU, memory and GPUs are recorded.
        time: Milliseconds since 1970.
        attempt: How many times this run was begun before, plus one.
        parent: Name in the spool of the run that is its parent, where that one's id is not known yet.
        worker: Name of a process that trains beside the run's own, whose measurements are apart, and whose death ends
            no run.
    """

    uri: str
    experiment: str
    experiment_id: str | None
    run_id: str | None
    name: str
    tags: Mapping[str, str]
    process: Process
    time: int = 0
    owned: bool = True
    sampled: bool = True
    attempt: int = 1
    parent: str | None = None
    worker: str | None = None


@dataclass(frozen=True, eq=False)
class Points:
    """Values of one metric.

    Attributes:
        key: A name that MLflow takes.
        steps: int64 `(n,)`.
        times: Milliseconds since 1970, int64 `(n,)`.
        values: float64 `(n,)`; NaN and infinity are values.
        stored: Whether they go to the store; a thinned series stands there by its means instead.
        history: Whether they go to `history.parquet`; such means do not.
    """

    key: str
    steps: np.ndarray[Any, Any]
    times: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]
    stored: bool = True
    history: bool = True


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
    """A file, to be stored in the run's folder `folder`; a later one of the same name replaces it.

    With `keep` the file is somebody's own and is left in place, else it is deleted once stored.
    """

    file: str
    folder: str
    keep: bool = False


@dataclass(frozen=True)
class Withdrawn:
    """An artifact that is no longer wanted: not sent if it still waits, deleted from the store if it is there."""

    name: str
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
class Registration:
    """A model's way into the registry.

    Attributes:
        name: Of the registered model.
        metric, mode: The objective; `mode` is min or max.
        value: What the model reached.
        digest: Of the data that it was measured on; without it models cannot be compared.
    """

    name: str
    metric: str
    mode: str
    value: float
    digest: str | None


@dataclass(frozen=True)
class Model:
    """A model saved in `folder` in MLflow's format, to become a LoggedModel.

    Attributes:
        folder: As `mlflow.tensorflow.save_model` left it; deleted once stored.
        name: Of the LoggedModel.
        step: The epoch whose weights it has.
        metrics: That these weights reached, by MLflow names.
        time: Of the metrics, milliseconds since 1970.
        params: Of the run, so that models can be searched by them.
        dataset: Name and digest of the data that the metrics were measured on, or None.
        registration: Its way into the registry, or None.
    """

    folder: str
    name: str
    step: int
    metrics: Mapping[str, float]
    time: int
    params: Mapping[str, str] = field(default_factory=dict)
    dataset: tuple[str, str] | None = None
    registration: Registration | None = None


@dataclass(frozen=True)
class Missing:
    """Something that was to be in the run is not.

    Attributes:
        what: In words, to follow the number: `points`, `model best, which cannot be saved: ...`.
        count: How many of it.
    """

    what: str
    count: int = 1


@dataclass(frozen=True)
class End:
    """The training is over.

    Attributes:
        status: FINISHED, FAILED or KILLED; None where whoever has opened the run ends it.
        time: Milliseconds since 1970.
        discard: There is nothing to tell: delete the run.
    """

    status: str | None
    time: int
    discard: bool = False


@dataclass(frozen=True)
class Left:
    """The trainer's process leaves in good order, so a run that it has not ended is not ours to end."""


Record = Begin | Points | Params | Tags | Artifact | Withdrawn | Dataset | Model | Missing | End | Left


class Batch:
    """Records of one delivery, by their kinds, each in the order in which it was said."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.turns: list[Begin | End | Left] = []
        self.points: list[Points] = []
        self.params: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.datasets: list[Dataset] = []
        self.missing: list[Missing] = []
        self.files: list[Artifact | Withdrawn | Model] = []
        for record in records:
            match record:
                case Begin() | End() | Left():
                    self.turns.append(record)
                case Points():
                    self.points.append(record)
                case Params():
                    self.params |= record.values
                case Tags():
                    self.tags |= record.values
                case Dataset():
                    self.datasets.append(record)
                case Artifact() | Withdrawn() | Model():
                    self.files.append(record)
                case Missing():
                    self.missing.append(record)


def as_param(value: Any) -> str:
    """A value as MLflow shows it: `null` and `true` as one types them."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and float(np.float32(value)) == value:
        return str(np.float32(value))  # 0.01, not 0.009999999776482582
    return str(value)
