"""What a job leaves in its folder for whoever has started it: how it ended, and what it reached."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tfmlflow import whole_file

FILE = "run.json"


@dataclass(frozen=True)
class LastWord:
    """How a job ended, or that it is running.

    Attributes:
        status: RUNNING, FINISHED, FAILED or KILLED.
        reason: As the tag `tfmlflow.end_reason`.
        run_id, name: Of its MLflow run.
        objective: What its best epoch reached.
        best_epoch: That epoch.
        metrics: All that was reached at the end, by their names in MLflow, `model.parameters` too.
        error: One line.
        seconds: That it took, None while it runs.
    """

    status: str = "RUNNING"
    reason: str = ""
    run_id: str | None = None
    name: str = ""
    objective: float | None = None
    best_epoch: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    seconds: float | None = None

    def write(self, folder: Path) -> None:
        """Leave it; a disk that is full must not end a training."""
        try:
            whole_file.write(folder / FILE, json.dumps(asdict(self), indent=1), mode=0o666)
        except OSError:
            return

    @classmethod
    def read(cls, folder: Path) -> LastWord | None:
        """What a job has left, None if nothing yet."""
        found = whole_file.read(folder / FILE)
        known = {key: value for key, value in found.items() if key in cls.__dataclass_fields__}
        return cls(**known) if known else None
