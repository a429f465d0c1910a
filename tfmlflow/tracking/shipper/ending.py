"""The end of a run: once all is said and stored, its history, what is missing, and last of all its status."""

from __future__ import annotations

import logging
from pathlib import Path

from tfmlflow.tracking.journal import history, reader
from tfmlflow.tracking.journal.records import Artifact
from tfmlflow.tracking.journal.run_folder import RunFolder
from tfmlflow.tracking.shipper.cursor import Cursor
from tfmlflow.tracking.store import retry
from tfmlflow.tracking.store.requests import Requests, StoreError
from tfmlflow.vocabulary import File, Tag

log = logging.getLogger(__name__)

LONGEST_TAG = 5000  # characters that MLflow takes everywhere


class Ending:
    """Ends one run as its journal says.

    Args:
        folder: Of the run.
        cursor: How far it has been delivered.
        requests: To the store.
    """

    def __init__(self, folder: RunFolder, cursor: Cursor, requests: Requests) -> None:
        self._folder, self._cursor, self._requests = folder, cursor, requests

    def settle(self) -> None:
        """End the run, if the journal was read to its end and says so, and nothing waits."""
        cursor, run_id = self._cursor, self._cursor.run_id
        companion = (cursor.begin or {}).get("worker") is not None
        if run_id is None or (cursor.end is None and not cursor.killed and not (companion and cursor.left)):
            return
        news = cursor.settled < cursor.journal
        if news or cursor.told != cursor.incomplete:
            if cursor.end is not None and cursor.end["discard"]:
                cursor.waiting.clear()
                cursor.told = cursor.incomplete
                self._requests.delete(run_id)
            elif not (self._add(run_id) if companion else self._end(run_id)):
                return
            cursor.settled = cursor.journal
            cursor.save(self._folder)
        if cursor.ended and cursor.parent is None:
            self._mark_delivered()
            if news and not companion:
                self._renew_view(run_id)

    def _end(self, run_id: str) -> bool:
        """Say all that is left to say; False if files are still to be stored."""
        cursor = self._cursor
        if cursor.history < cursor.journal:
            self._make_history(run_id)
        if cursor.waiting:
            return False
        self._say_what_is_missing(run_id)
        self._requests.forget(run_id, Tag.HEARTBEAT)
        if cursor.end is not None and cursor.end["status"] is not None:
            self._requests.end(run_id, cursor.end["status"], cursor.end["time"])
        return True

    def _add(self, run_id: str) -> bool:
        """The same of a worker beside the chief, whose run it is: its history, heartbeat and status are the chief's."""
        if not self._cursor.waiting:
            self._say_what_is_missing(run_id)
        return not self._cursor.waiting

    def _say_what_is_missing(self, run_id: str) -> None:
        cursor = self._cursor
        if cursor.told != cursor.incomplete:
            if cursor.incomplete:
                self._requests.log(run_id, [], {}, {Tag.INCOMPLETE: cursor.incomplete[:LONGEST_TAG]})
            else:
                self._requests.forget(run_id, Tag.INCOMPLETE)
            cursor.told = cursor.incomplete

    def _mark_delivered(self) -> None:
        size = self._folder.length  # more than was read, if its last record is torn
        rest = reader.read(self._folder.journal, self._cursor.place, self._folder.essentials, over=True)
        if not any(True for _ in rest):
            self._folder.mark_delivered(size)

    def _renew_view(self, run_id: str) -> None:
        try:
            self._requests.renew_view(run_id)
        except StoreError as error:  # nobody waits for it, and the next run's end does it
            log.info("the view of the experiment stays as it is: %s", error)

    def _make_history(self, run_id: str) -> None:
        cursor, files = self._cursor, self._folder.files
        earlier: Path | None = None
        if cursor.resumed and self._requests.has_artifact(run_id, File.HISTORY):
            files.joinpath("earlier").mkdir(mode=0o700, parents=True, exist_ok=True)
            earlier = Path(self._requests.download(run_id, File.HISTORY, str(files / "earlier")))
        file = files / File.HISTORY
        rows = 0
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            rows = history.write([self._folder.journal, self._folder.system], file, earlier)
        except (OSError, ValueError) as error:  # a full disk; an earlier one that is damaged
            cursor.miss(f"{File.HISTORY}, which cannot be written: {retry.reason(error)}")
        if rows:
            cursor.queue(Artifact(str(file), ""), files)
        cursor.history = cursor.journal
        cursor.save(self._folder)
