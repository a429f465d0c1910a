"""What a job leaves in its folder for whoever has started it: how it ended, and what it reached."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tfmlflow import whole_file

FILE = "run.json"
ENDING = "ending.json"  # why whoever has started a job ends it


@dataclass(frozen=True)
class JobReport:
    """How a job ended, or that it is running.

    Attributes:
        status: RUNNING, FINISHED, FAILED or KILLED.
        reason: As the tag `tfmlflow.end_reason`.
        run_id, name: Of its MLflow run.
        in_store: Whether the store knows the run by that id; else it was away, and the id is the spool's.
        objective: What its best epoch reached.
        best_epoch: That epoch.
        metrics: All that was reached at the end, by their names in MLflow, `model.parameters` too.
        error: One line.
        seconds: That it took, None while it runs.
        start: The start of the sweep that it is a job of, as the sweep has called it: a folder may be used again.
    """

    status: str = "RUNNING"
    reason: str = ""
    run_id: str | None = None
    in_store: bool = True
    name: str = ""
    objective: float | None = None
    best_epoch: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    seconds: float | None = None
    start: str | None = None

    def write(self, folder: Path) -> None:
        """Leave it; a disk that is full must not end a training."""
        try:
            whole_file.write(folder / FILE, json.dumps(asdict(self), indent=1), mode=0o666)
        except OSError:
            return

    @classmethod
    def of(cls, folder: Path, start: str | None) -> JobReport | None:
        """What a job of this start of a sweep has left; what is there of another one is not its report."""
        report = cls.read(folder)
        return report if report is not None and report.start == start else None

    @staticmethod
    def end(folder: Path, reason: str | None) -> None:
        """Let the job in `folder` know why it is about to be ended; None: it is not."""
        file = folder / ENDING
        with contextlib.suppress(OSError):
            if reason is None:
                file.unlink(missing_ok=True)
            else:
                whole_file.write(file, json.dumps({"reason": reason}), mode=0o666)

    @staticmethod
    def ending(folder: Path) -> str | None:
        """Why a job is being ended, None if nobody has said so."""
        reason = whole_file.read(folder / ENDING).get("reason")
        return reason if isinstance(reason, str) else None

    @classmethod
    def read(cls, folder: Path) -> JobReport | None:
        """What a job has left, None if nothing yet."""
        found = whole_file.read(folder / FILE)
        known = {key: value for key, value in found.items() if key in cls.__dataclass_fields__}
        return cls(**known) if known else None
