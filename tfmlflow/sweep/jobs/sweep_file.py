"""What a sweep tells its jobs: a file in the folder that theirs are in, which every launcher's jobs can read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tfmlflow import whole_file
from tfmlflow.sweep.search.study import StudyPlace

FILE = "sweep.json"


@dataclass(frozen=True)
class SweepFile:
    """A sweep, as its jobs see it.

    Attributes:
        sweep: Its id.
        parent: Its MLflow run, None while the store is away.
        keys: What varies.
        source: Folder of the program.
        study: Where hopeless jobs are told so, as fields of `StudyPlace`; empty where none is.
        start: Names this start of the sweep.
        parent_key: Name of its run in the spool, by which the shipper finds it later.
    """

    sweep: str
    parent: str | None
    keys: Sequence[str]
    source: str
    study: Mapping[str, Any] = field(default_factory=dict)
    start: str | None = None
    parent_key: str | None = None

    def write(self, folder: Path) -> None:
        """Leave it for the jobs."""
        whole_file.write(folder / FILE, json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, folder: Path) -> SweepFile | None:
        """Of the sweep in `folder`, None if it is not one of ours."""
        found = {key: value for key, value in whole_file.read(folder / FILE).items() if key in cls.__dataclass_fields__}
        return cls(**found) if found else None

    def reporter(self, job: int | None) -> Callable[[int, float], bool] | None:
        """For the job with this number, where hopeless ones are ended: as `StudyPlace.reporter`."""
        return StudyPlace(**self.study).reporter(job) if self.study and job is not None else None
