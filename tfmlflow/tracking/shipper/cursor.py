"""How far a run has been delivered. Whoever takes over from a shipper that was killed goes on from here."""

from __future__ import annotations

import contextlib
import json
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tfmlflow import whole_file
from tfmlflow.tracking.journal import format
from tfmlflow.tracking.journal.format import Position
from tfmlflow.tracking.journal.records import Artifact, Model, Withdrawn
from tfmlflow.tracking.journal.run_folder import RunFolder

CHECKSUM = "checksum"
CHECKPOINTS = "checkpoints"  # the folder of what is withdrawn again
NEW = {"new": True}  # as a run's folder has it when it is made


@dataclass
class Cursor:
    """The state of one run's delivery, written after each effect in the store and before each that must not be doubled.

    Attributes:
        journal, others, points: The place up to which the journal is done with.
        system: Bytes of the measurements that are done with.
        run_id, experiment_id: The run, once it is known.
        begin: The last `Begin`, as in the journal.
        end: The last `End` after it, or None.
        left: Whether the trainer has left in good order.
        waiting: Files and models still to be stored, the oldest first.
        stored: Checkpoints that are, or may be, in the store.
        done: Effects that need not be repeated: files of models that were sent.
        missing: How many of what are not in the run though they were to be.
        told: What the run says of that.
        killed: Whether the trainer was found dead, and the run ended for it.
        history: Length of the journal that the stored history was made from.
        settled: Length of the journal that the store has all of, files and end included.
        samples: How often the trainer was measured.
        resumed: Whether the run began before this journal did, so that the store has an earlier part of its history.
        parent: Name in the spool of the run's parent, as long as that one's id is not known.
        anew: Whether it is delivered as a new run, since the store does not know its own any more.
        again: Whether a cursor before this one was lost: what has no file any more may be in the store already.
    """

    journal: int = 0
    others: int = 0
    points: int = 0
    system: int = 0
    run_id: str | None = None
    experiment_id: str | None = None
    begin: dict[str, Any] | None = None
    end: dict[str, Any] | None = None
    left: bool = False
    waiting: list[dict[str, Any]] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    missing: dict[str, int] = field(default_factory=dict)
    told: str = ""
    killed: bool = False
    history: int = 0
    settled: int = 0
    samples: int = 0
    resumed: bool = False
    parent: str | None = None
    anew: bool = False
    again: bool = False

    @classmethod
    def of(cls, folder: RunFolder) -> Cursor:
        """As it was left; at the beginning if nothing was delivered, or if it was damaged."""
        content = whole_file.read(folder.cursor)
        if content == NEW:
            return cls()
        checksum = content.pop(CHECKSUM, None)
        if not content or checksum != _checksum(content) or not set(content) <= set(cls.__dataclass_fields__):
            return cls(again=True)
        return cls(**content)

    @property
    def place(self) -> Position:
        """In the journal."""
        return Position(self.journal, self.others, self.points)

    @place.setter
    def place(self, place: Position) -> None:
        self.journal, self.others, self.points = place.offset, place.others, place.points

    @property
    def ended(self) -> bool:
        """Whether the run has an end that is ours to tell, or nobody is left who could tell it."""
        return self.killed or self.left or (self.end is not None and self.end["status"] is not None)

    def save(self, folder: RunFolder) -> None:
        """Write it in one step; not for a run whose folder somebody has deleted."""
        folder.path.stat()
        content = asdict(self)
        whole_file.write(folder.cursor, json.dumps({**content, CHECKSUM: _checksum(content)}))

    def queue(self, record: Artifact | Withdrawn | Model, files: Path) -> None:
        """Let a file or model wait for `Uploads`; what it replaces waits no longer.

        Args:
            record: The file or model.
            files: Where files of ours lie, which may be deleted.
        """
        if isinstance(record, Model):
            entry = {"kind": "model", "record": format.fields(record)}
            self.waiting[:] = [other for other in self.waiting if other != entry]
        else:
            name = record.name if isinstance(record, Withdrawn) else Path(record.file).name
            path = f"{record.folder}/{name}".lstrip("/")
            replaced = [other for other in self.waiting if other.get("path") == path]
            self.waiting[:] = [other for other in self.waiting if other.get("path") != path]
            if isinstance(record, Withdrawn):
                for other in replaced:
                    if other.get("file") and not other["keep"]:
                        remove(Path(other["file"]), files)
                sure = replaced and record.folder == CHECKPOINTS and not self.again and not self.resumed
                if sure and path not in self.stored:
                    return  # it was never sent: of a thousand checkpoints that a slow store has not seen, none is
            entry = {"kind": "withdrawn", "path": path}
            if isinstance(record, Artifact):
                entry = {"kind": "artifact", "path": path, "file": record.file, "folder": record.folder}
                entry["keep"] = "yes" if record.keep else ""
        self.waiting.append(entry)

    def miss(self, what: str, count: int = 1) -> None:
        """So much of `what` is not in the run."""
        self.missing[what] = self.missing.get(what, 0) + count

    @property
    def incomplete(self) -> str:
        """What is missing, in words; empty if nothing is."""
        return "\n".join(_said(what, count, self.again) for what, count in self.missing.items())


def remove(file: Path, files: Path) -> None:
    """Delete a file that is done with, if it lies where our files lie."""
    if files in file.parents and ".." not in file.parts:
        with contextlib.suppress(OSError):
            file.unlink()


def _said(what: str, count: int, again: bool) -> str:
    noun, _, rest = what.partition(",")
    if noun in ("points", "records"):
        said = f"{'up to ' if again else ''}{count:,} {noun.removesuffix('s') if count == 1 else noun}"
        return f"{said},{rest}" if rest else f"{said}, damaged on this machine before delivery"
    return f"{what} ({count:,} times)" if count > 1 else what


def _checksum(content: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())
