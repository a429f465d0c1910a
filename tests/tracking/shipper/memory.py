"""A store in memory with the face of `Requests`: for thousands of deliveries in seconds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfmlflow.tracking.journal.records import Begin, Dataset, Model, Points
from tfmlflow.tracking.store.requests import DELETED, THERE, UNKNOWN, asking


@dataclass
class HeldRun:
    """A run, with what it has by its nature once, and with counts of what must not be done twice."""

    status: str = "RUNNING"
    deleted: bool = False
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    points: dict[str, set[tuple[int, int, str]]] = field(default_factory=lambda: defaultdict(set))
    artifacts: dict[str, str] = field(default_factory=dict)
    models: list[str] = field(default_factory=list)
    datasets: set[str] = field(default_factory=set)

    @property
    def count(self) -> int:
        """Points."""
        return sum(len(points) for points in self.points.values())


@asking
class MemoryStore:
    """Has the methods of `Requests`.

    Attributes:
        runs: By their ids.
    """

    def __init__(self) -> None:
        self.uri = "http://memory"
        self.runs: dict[str, HeldRun] = {}
        self.created: list[str] = []

    def add(self, run_id: str) -> HeldRun:
        """A run that the trainer has created."""
        self.runs[run_id] = HeldRun()
        return self.runs[run_id]

    def find_or_create_run(self, begin: Begin, key: str, parent: str | None = None) -> tuple[str, str]:
        """As `Requests`."""
        run_id = f"created-{key}"
        if run_id not in self.runs:
            self.add(run_id).tags = dict(begin.tags)
            self.created.append(run_id)
        return run_id, "1"

    def reconnect(self) -> None:
        """As `Requests`."""

    def whereabouts(self, run_id: str) -> str:
        """As `Requests`."""
        run = self.runs.get(run_id)
        return UNKNOWN if run is None else DELETED if run.deleted else THERE

    def log(
        self, run_id: str, points: Sequence[Points], params: Mapping[str, str], tags: Mapping[str, str]
    ) -> list[str]:
        """As `Requests`."""
        run = self._run(run_id)
        run.params |= params
        run.tags |= tags
        for record in points:
            rows = zip(record.steps.tolist(), record.times.tolist(), map(repr, record.values.tolist()), strict=True)
            run.points[record.key] |= set(rows)
        return []

    def dataset(self, run_id: str, record: Dataset) -> None:
        """As `Requests`."""
        self._run(run_id).datasets.add(record.digest)

    def artifact(self, run_id: str, file: str, folder: str) -> None:
        """As `Requests`."""
        path = Path(file)
        self._run(run_id).artifacts[f"{folder}/{path.name}".lstrip("/")] = path.read_bytes().decode(errors="replace")

    def model(self, run_id: str, experiment_id: str, key: str, record: Model, notes: Any) -> str:
        """As `Requests`."""
        if key not in self._run(run_id).models:
            self._run(run_id).models.append(key)
        return ""

    def has_model(self, run_id: str, experiment_id: str, key: str) -> bool:
        """As `Requests`."""
        return key in self._run(run_id).models

    def withdraw(self, run_id: str, path: str) -> None:
        """As `Requests`."""
        self._run(run_id).artifacts.pop(path, None)

    def begin(self, run_id: str) -> None:
        """As `Requests`."""
        self._run(run_id).status = "RUNNING"

    def end(self, run_id: str, status: str, time: int) -> None:
        """As `Requests`."""
        self._run(run_id).status = status

    def is_running(self, run_id: str) -> bool:
        """As `Requests`."""
        return self._run(run_id).status == "RUNNING"

    def delete(self, run_id: str) -> None:
        """As `Requests`."""
        self._run(run_id).deleted = True

    def forget(self, run_id: str, tag: str) -> None:
        """As `Requests`."""
        self._run(run_id).tags.pop(tag, None)

    def has_artifact(self, run_id: str, path: str) -> bool:
        """As `Requests`."""
        return path in self._run(run_id).artifacts

    def download(self, run_id: str, name: str, folder: str) -> str:
        """As `Requests`; histories of earlier attempts are another test's."""
        raise FileNotFoundError(name)

    def _run(self, run_id: str) -> HeldRun:
        run = self.runs.get(run_id)
        if run is None or run.deleted:
            raise KeyError(run_id)
        return run
