"""What lies in the spool: how far each run has been delivered, and what holds it up."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tfmlflow import whole_file
from tfmlflow.masking import MASK
from tfmlflow.tracking.journal import format, reader
from tfmlflow.tracking.journal.liveness import Process
from tfmlflow.tracking.journal.records import Begin, End
from tfmlflow.tracking.journal.run_folder import RunFolder
from tfmlflow.tracking.journal.spool import Spool, identity
from tfmlflow.tracking.shipper import launch
from tfmlflow.tracking.shipper.cursor import Cursor
from tfmlflow.tracking.shipper.follower import ANEW
from tfmlflow.tracking.shipper.launch import ShipperState
from tfmlflow.tracking.shipper.trouble import UNKNOWN, UNREADABLE, Trouble
from tfmlflow.tracking.store.retry import reason

WORDS = {True: "training", None: "training on another machine, as far as can be told", False: "being delivered"}


@dataclass(frozen=True)
class Item:
    """One run in the spool.

    Attributes:
        folder: Where it lies.
        uri: Of its store, without a login; empty if it cannot be told.
        experiment, name: Of the run.
        run_id: None until the store has it.
        length, left: Bytes of the journal, and those of them that are not delivered.
        waiting: Files and models that are not delivered.
        running: Whether its trainer lives; None: it is another machine's, at whose processes this one cannot look.
        delivered: Whether the store has everything that could be delivered.
        trouble: What keeps this run from being delivered, None if nothing of its own does.
        shipper: Of its store.
        incomplete: What is missing in the store and cannot be delivered any more; empty if nothing is.
    """

    folder: RunFolder
    uri: str
    experiment: str = ""
    name: str = ""
    run_id: str | None = None
    length: int = 0
    left: int = 0
    waiting: int = 0
    running: bool | None = False
    delivered: bool = False
    trouble: Trouble | None = None
    shipper: ShipperState = field(default_factory=ShipperState)
    incomplete: str = ""

    @property
    def spool(self) -> Spool:
        """In which it lies."""
        return Spool(self.folder.path.parents[1])

    @property
    def goes_on(self) -> bool:
        """Whether its trainer lives, as far as one can tell."""
        return self.running is not False

    @property
    def silent_for(self) -> float:
        """Seconds since its journal has grown, by the clock of the disk that it is on: machines may share one.

        Raises:
            OSError: The spool cannot be written.
        """
        with tempfile.NamedTemporaryFile(dir=self.spool.root) as now:
            written = self.folder.journal.stat().st_mtime if self.folder.journal.exists() else 0.0
            return os.fstat(now.fileno()).st_mtime - written

    @property
    def up_to_date(self) -> bool:
        """Whether nothing is left that could be delivered now: of a run that goes on, the last seconds may be."""
        return self.delivered or (self.goes_on and self._well and self.left < 65536 and not self.waiting)

    def has(self, length: int) -> bool:
        """Whether the store has the first `length` bytes of the journal, and all files that it has spoken of."""
        return self.delivered or (self._well and self.length - self.left >= length and not self.waiting)

    @property
    def _well(self) -> bool:
        return self.trouble is None and self.shipper.why is None and not self.folder.wish.exists()

    @property
    def whole(self) -> bool:
        """Whether nothing is left, and nothing is missing."""
        return self.up_to_date and not self.incomplete

    @property
    def state(self) -> str:
        """In words."""
        lacks = f"; lacks {'; '.join(self.incomplete.splitlines())}" if self.incomplete else ""
        if self.delivered:
            return f"delivered{lacks}"
        why = self.trouble.why if self.trouble is not None else self.shipper.why
        return (why or WORDS[self.running]) + lacks

    @property
    def advice(self) -> str:
        """What can be done about its trouble; empty where waiting is all."""
        if self.trouble is None or self.trouble.kind == UNREADABLE:
            return f"`tfmlflow sync --drop {self.folder.key}` gives it up" if self.trouble is not None else ""
        anew = "restore it, or start its server on the right database; " if self.trouble.kind == UNKNOWN else ""
        key = self.folder.key
        return f"{anew}`tfmlflow sync --anew {key}` delivers it as a new run, `tfmlflow sync --drop {key}` gives it up"


def items(*spools: Spool) -> Iterator[Item]:
    """Every run in these spools, the oldest first; one that cannot be read is one too."""
    for spool in spools:
        for folder in spool.runs():
            if folder.dropped:
                continue
            try:
                item = _item(spool, folder)
            except (OSError, reader.OtherVersion) as error:
                item = Item(folder, "", trouble=Trouble(UNREADABLE, reason(error), 0.0))
            if item is not None:
                yield item


def _item(spool: Spool, folder: RunFolder) -> Item | None:
    trouble, cursor = Trouble.of(folder), Cursor.of(folder)
    known = format.restored("Begin", cursor.begin) if cursor.begin is not None else None
    begin = folder.begin() or (known if isinstance(known, Begin) else None)
    if begin is None:
        if folder.blank:
            return None
        why = trouble or Trouble(UNREADABLE, "its beginning is damaged, so that it cannot be told which run it is", 0.0)
        return Item(folder, "", length=folder.length, left=folder.length, trouble=why)
    process = Process(**cursor.begin["process"]) if cursor.begin else begin.process
    for _, record in reader.read(folder.journal, cursor.place, folder.essentials):
        if isinstance(record, Begin):
            process, cursor.end = record.process, None
        elif isinstance(record, End):
            cursor.end = {"status": record.status}
    delivered, length = folder.delivered and not folder.wish.exists(), folder.length
    return Item(
        folder=folder,
        uri=begin.uri,
        experiment=begin.experiment,
        name=begin.name,
        run_id=cursor.run_id or (begin.run_id if not cursor.anew else None),
        length=length,
        left=max(0, length - cursor.journal),
        waiting=len(cursor.waiting),
        running=False if cursor.ended else process.alive if process.here else None,
        delivered=delivered,
        trouble=None if delivered else trouble,
        shipper=launch.state(spool, begin.uri),
        incomplete=cursor.incomplete,
    )


def complete(uri: str, known: str | None = None) -> str | None:
    """A store's address with its login, of which the spool holds none.

    Args:
        uri: As the spool has it.
        known: With a login, as somebody has typed it; else $MLFLOW_TRACKING_URI is looked at.

    Returns:
        None if the login is not to be found, or no address is known.
    """
    if MASK not in uri:
        return uri or None
    for candidate in (known, os.environ.get("MLFLOW_TRACKING_URI")):
        if candidate and identity(candidate) == identity(uri):
            return candidate
    return None


def deliver_anew(item: Item) -> None:
    """Have the shipper create a new run for it, and deliver it from its beginning.

    Raises:
        OSError: The spool cannot be written.
    """
    whole_file.write(item.folder.wish, json.dumps({"wish": ANEW}))


def find(spools: Sequence[Spool], wanted: str) -> list[Item]:
    """The runs in these spools whose name there, or run id, begins like that."""
    found = items(*spools)
    return [item for item in found if item.folder.key.startswith(wanted) or (item.run_id or "").startswith(wanted)]
