"""Files of many runs on their way into one store: none waits for another's."""

from __future__ import annotations

import time
from pathlib import Path

from tests.tracking.shipper.memory import MemoryStore
from tfmlflow.tracking.journal.liveness import Process
from tfmlflow.tracking.journal.records import Artifact, Begin
from tfmlflow.tracking.journal.spool import Spool
from tfmlflow.tracking.journal.writer import Journal
from tfmlflow.tracking.shipper.follower import Follower
from tfmlflow.tracking.shipper.uploads import Uploads
from tfmlflow.tracking.store.requests import StoreError

URI = "http://memory"


class Choosy(MemoryStore):
    """Does not take the files of one run, as a bucket with a broken disk."""

    refused = ""

    def artifact(self, run_id: str, file: str, folder: str) -> None:
        """As `Requests`."""
        if run_id == self.refused:
            raise StoreError(ConnectionError("away"))
        super().artifact(run_id, file, folder)


def with_a_file(spool: Spool, store: MemoryStore, key: str) -> Follower:
    store.add(key)
    folder = spool.open(key, URI)
    note = folder.files / "note.txt"
    note.write_text(key)
    journal = Journal(folder.journal)
    journal.put(Begin(URI, "e", "1", key, "name", {}, Process.current(), sampled=False))
    journal.put(Artifact(str(note), "notes"))
    assert journal.close()
    follower = Follower(folder, store)  # type: ignore[arg-type]
    while follower.step():
        pass
    return follower


def test_a_file_that_is_not_taken_holds_up_no_run_behind_it(tmp_path: Path) -> None:
    """Once each pass began with the first run again, and ended there."""
    store, spool = Choosy(), Spool(tmp_path).ready()
    runs = [with_a_file(spool, store, key) for key in ("first", "second", "third")]
    store.refused = "first"
    uploads = Uploads(store, lambda: runs)  # type: ignore[arg-type]
    uploads.start()
    deadline = time.monotonic() + 20
    while not all(store.runs[key].artifacts for key in ("second", "third")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [store.runs[key].artifacts for key in ("first", "second", "third")] == [
        {},
        {"notes/note.txt": "second"},
        {"notes/note.txt": "third"},
    ]
    store.refused = ""
    while not store.runs["first"].artifacts and time.monotonic() < deadline:
        time.sleep(0.05)
    uploads.stop()
    assert store.runs["first"].artifacts == {"notes/note.txt": "first"}
