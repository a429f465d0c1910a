"""How far a run has been delivered. Whoever takes over from a shipper that was killed goes on from here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tfmlflow import whole_file
from tfmlflow.tracking.journal import format
from tfmlflow.tracking.journal.spool import RunFolder
from tfmlflow.tracking.records import Artifact, Model, Withdrawn


@dataclass
class Cursor:
    """The state of one run's delivery, written after each effect in the store and before each that must not be doubled.

    Attributes:
        journal, system: Bytes of the two journals that are done with.
        run_id, experiment_id: The run, once it is known.
        begin: The last `Begin`, as in the journal.
        end: The last `End` after it, or None.
        left: Whether the trainer has left in good order.
        waiting: Files and models still to be stored, the oldest first.
        done: Effects that need not be repeated: files of models that were sent.
        refused: Why records were refused.
        killed: Whether the trainer was found dead, and the run ended for it.
        history: Length of the journal that the stored history was made from.
        settled: Length of the journal that the store has all of, files and end included.
        samples: How often the trainer was measured.
        resumed: Whether the run began before this journal did, so that the store has an earlier part of its history.
    """

    journal: int = 0
    system: int = 0
    run_id: str | None = None
    experiment_id: str | None = None
    begin: dict[str, Any] | None = None
    end: dict[str, Any] | None = None
    left: bool = False
    waiting: list[dict[str, Any]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    killed: bool = False
    history: int = 0
    settled: int = 0
    samples: int = 0
    resumed: bool = False

    @classmethod
    def of(cls, folder: RunFolder) -> Cursor:
        """As it was left; at the beginning if nothing was delivered."""
        known = cls.__dataclass_fields__
        return cls(**{key: value for key, value in whole_file.read(folder.cursor).items() if key in known})

    def save(self, folder: RunFolder) -> None:
        """Write it in one step."""
        whole_file.write(folder.cursor, json.dumps(asdict(self)))

    def queue(self, record: Artifact | Withdrawn | Model) -> None:
        """Let a file or model wait for `Uploads`; what it replaces waits no longer."""
        if isinstance(record, Model):
            entry = {"kind": "model", "record": format.fields(record)}
            self.waiting[:] = [other for other in self.waiting if other != entry]
        else:
            name = record.name if isinstance(record, Withdrawn) else Path(record.file).name
            path = f"{record.folder}/{name}".lstrip("/")
            if isinstance(record, Withdrawn):
                for other in self.waiting:
                    if other.get("path") == path and other.get("file") and not other["keep"]:
                        Path(other["file"]).unlink(missing_ok=True)
            self.waiting[:] = [other for other in self.waiting if other.get("path") != path]
            entry = {"kind": "withdrawn", "path": path}
            if isinstance(record, Artifact):
                entry = {"kind": "artifact", "path": path, "file": record.file, "folder": record.folder}
                entry["keep"] = "yes" if record.keep else ""
        self.waiting.append(entry)
