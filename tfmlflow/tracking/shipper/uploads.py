"""Files and models go into the store from a thread of their own, so that metrics never wait behind a large one."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tfmlflow.tracking.journal import format
from tfmlflow.tracking.records import Model
from tfmlflow.tracking.shipper import away, models
from tfmlflow.tracking.shipper.follower import Follower
from tfmlflow.tracking.shipper.requests import Requests

log = logging.getLogger(__name__)

PAUSE = 0.2  # seconds between two looks at what waits


class Uploads:
    """Stores what waits in the runs' cursors, one entry a run in turn.

    Args:
        requests: To the store.
        followers: Gives the runs.
    """

    def __init__(self, requests: Requests, followers: Callable[[], Sequence[Follower]]) -> None:
        self._requests, self._followers = requests, followers
        self.backoff = away.Backoff()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="tfmlflow-uploads", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the entry at hand, or leave it to whoever takes over."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _work(self) -> None:
        while not self._stop.is_set():
            stored = 0
            for follower in self._followers():
                if self._stop.is_set() or self.backoff.waiting:
                    break
                stored += self._store_next(follower)
            if not stored:
                self._stop.wait(PAUSE)

    def _store_next(self, follower: Follower) -> bool:
        with follower.lock:
            cursor = follower.cursor
            if not cursor.waiting or cursor.run_id is None:
                return False
            entry = cursor.waiting[0]
        try:
            self._store(follower, entry)
            self.backoff.succeeded()
        except FileNotFoundError:
            pass  # withdrawn meanwhile
        except Exception as error:
            if away.passing(error):
                self.backoff.failed(error)
                with follower.lock:  # others need not wait for it
                    if entry in cursor.waiting:
                        cursor.waiting.remove(entry)
                        cursor.waiting.append(entry)
                return False
            with follower.lock:
                what = entry.get("path") or entry["record"]["name"]
                follower.refuse([f"{what}: {away.reason(error)}"])
        with follower.lock:
            if entry in cursor.waiting:  # else something newer has come in its place meanwhile
                cursor.waiting.remove(entry)
            cursor.save(follower.folder)
        return True

    def _store(self, follower: Follower, entry: dict[str, Any]) -> None:
        run_id = str(follower.cursor.run_id)
        if entry["kind"] == "withdrawn":
            self._requests.withdraw(run_id, entry["path"])
        elif entry["kind"] == "artifact":
            file = Path(entry["file"])
            if file.is_file():  # else it was stored, or withdrawn
                self._requests.artifact(run_id, str(file), entry["folder"])
                if not entry["keep"] and follower.folder.files in file.parents:
                    file.unlink(missing_ok=True)
        else:
            record = format.restored("Model", entry["record"])
            assert isinstance(record, Model)
            if models.exists(record):
                self._store_model(follower, run_id, record)
                shutil.rmtree(record.folder, ignore_errors=True)

    def _store_model(self, follower: Follower, run_id: str, record: Model) -> None:
        key = f"{follower.folder.key}/{Path(record.folder).name}"
        models.store(self._requests.client, run_id, str(follower.cursor.experiment_id), key, record, follower)
