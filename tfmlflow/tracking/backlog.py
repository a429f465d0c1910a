"""What lies in the spool: how far each run has been delivered, and what holds it up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from tfmlflow.tracking.journal import reader
from tfmlflow.tracking.journal.spool import RunFolder, Spool, identity
from tfmlflow.tracking.liveness import Process
from tfmlflow.tracking.records import Begin, End
from tfmlflow.tracking.secrets import MASK
from tfmlflow.tracking.shipper import launch
from tfmlflow.tracking.shipper.cursor import Cursor


@dataclass(frozen=True)
class Item:
    """One run in the spool.

    Attributes:
        folder: Where it lies.
        uri: Of its store, without a login.
        experiment, name: Of the run.
        run_id: None until the store has it.
        left: Bytes of the journal that are not delivered.
        waiting: Files and models that are not delivered.
        running: Whether its trainer lives.
        delivered: Whether the store has everything.
        away: Why the store takes nothing just now, as the shipper says.
    """

    folder: RunFolder
    uri: str
    experiment: str
    name: str
    run_id: str | None
    left: int
    waiting: int
    running: bool
    delivered: bool
    away: str | None

    @property
    def up_to_date(self) -> bool:
        """Whether nothing is left that could be delivered now: of a run that goes on, the last seconds may be."""
        return self.delivered or (self.running and self.away is None and self.left < 65536 and not self.waiting)

    @property
    def state(self) -> str:
        """In words."""
        if self.delivered:
            return "delivered"
        if self.away:
            return self.away
        return "training" if self.running else "being delivered"


def items(spool: Spool) -> Iterator[Item]:
    """Every run in the spool, the oldest first."""
    for folder in spool.runs():
        begin = _begin(folder)
        if begin is None:
            continue  # nothing was said
        cursor = Cursor.of(folder)
        journal = folder.journal.stat().st_size
        process = Process(**cursor.begin["process"]) if cursor.begin else begin.process
        for _, record in reader.read(folder.journal, cursor.journal):
            if isinstance(record, Begin):
                process, cursor.end = record.process, None
            elif isinstance(record, End):
                cursor.end = {"status": record.status}
        over = cursor.left or cursor.killed or (cursor.end is not None and cursor.end["status"] is not None)
        yield Item(
            folder=folder,
            uri=begin.uri,
            experiment=begin.experiment,
            name=begin.name,
            run_id=cursor.run_id or begin.run_id,
            left=max(0, journal - cursor.journal),
            waiting=len(cursor.waiting),
            running=not over and process.here and process.alive,
            delivered=folder.delivered,
            away=launch.status(spool, begin.uri).get("away"),
        )


def complete(uri: str, known: str | None = None) -> str | None:
    """A store's address with its login, of which the spool holds none.

    Args:
        uri: As the spool has it.
        known: With a login, as somebody has typed it; else $MLFLOW_TRACKING_URI is looked at.

    Returns:
        None if the login is not to be found.
    """
    if MASK not in uri:
        return uri
    for candidate in (known, os.environ.get("MLFLOW_TRACKING_URI")):
        if candidate and identity(candidate) == identity(uri):
            return candidate
    return None


def _begin(folder: RunFolder) -> Begin | None:
    return next((record for _, record in reader.read(folder.journal) if isinstance(record, Begin)), None)
