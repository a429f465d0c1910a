"""Files and models go into the store from a thread of their own, so that metrics never wait behind a large one."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tfmlflow.tracking.journal import format
from tfmlflow.tracking.journal.records import Model
from tfmlflow.tracking.shipper.cursor import remove
from tfmlflow.tracking.shipper.follower import Follower
from tfmlflow.tracking.shipper.trouble import LOST, REFUSED, UNKNOWN, UNREADABLE
from tfmlflow.tracking.store import registry, retry
from tfmlflow.tracking.store.requests import THERE, Requests, StoreError

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
        self._last = ""  # the run that was tried last
        self.backoff = retry.Backoff()
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
            if not self._pass():
                self._stop.wait(PAUSE)

    def _pass(self) -> bool:
        """Try one entry of each run, beginning behind the one that was tried last; whether anything was stored.

        A file that the store does not take ends a pass, and runs behind it would not have their turn for ever.
        """
        stored, runs = False, list(self._followers())
        first = next((place + 1 for place, run in enumerate(runs) if run.folder.key == self._last), 0)
        for follower in [*runs[first:], *runs[:first]]:
            if self._stop.is_set() or self.backoff.waiting:
                break
            if not follower.gone and not follower.retry.waiting:
                self._last = follower.folder.key
                stored |= self._try(follower)
        return stored

    def _try(self, follower: Follower) -> bool:
        try:
            return self._store_next(follower)
        except StoreError as error:  # as it was asked for the run
            self.backoff.failed(error.cause)
        except OSError as error:
            follower.retry.failed(UNREADABLE, retry.reason(error))
        except Exception as error:  # costs this run a pause, and no other anything
            log.exception("run %s: a file cannot be stored", follower.cursor.run_id)
            follower.retry.failed(REFUSED, retry.reason(error))
        return False

    def _store_next(self, follower: Follower) -> bool:
        with follower.lock:
            cursor = follower.cursor
            if not cursor.waiting or cursor.run_id is None:
                return False
            entry, run_id = cursor.waiting[0], cursor.run_id
        try:
            self._store(follower, run_id, entry)
            self.backoff.succeeded()
        except StoreError as error:
            if not _there(entry):
                pass  # withdrawn meanwhile, which `_lost` finds out
            elif retry.passing(error.cause):
                self.backoff.failed(error.cause)
                with follower.lock:  # others need not wait for it
                    if entry in cursor.waiting:
                        cursor.waiting.remove(entry)
                        cursor.waiting.append(entry)
                return False
            elif (where := self._requests.whereabouts(run_id)) != THERE:
                follower.retry.failed(UNKNOWN, LOST[where])
                return False
            elif retry.absent(error.cause):
                follower.retry.failed(UNKNOWN, f"the store does not know the place for {_name(entry)}")
                return False
            else:
                with follower.lock:
                    follower.refuse([f"{_name(entry)}: {retry.reason(error.cause)}"])
        lost = self._lost(follower, run_id, entry)
        with follower.lock:
            if lost and follower.read < follower.folder.length:  # what is not read yet may say that it was withdrawn
                if entry in cursor.waiting:
                    cursor.waiting.remove(entry)
                    cursor.waiting.append(entry)
                return False
            if entry in cursor.waiting:  # else something newer has come in its place meanwhile
                cursor.waiting.remove(entry)
                if lost:
                    log.warning("run %s: %s is gone", run_id, _name(entry))
                    follower.miss(f"{_name(entry)}, whose files are gone from this machine")
            follower.save()
        _remove(follower, entry)
        return True

    def _store(self, follower: Follower, run_id: str, entry: dict[str, Any]) -> None:
        if entry["kind"] == "withdrawn":
            self._requests.withdraw(run_id, entry["path"])
            follower.withdrawn(entry)
        elif _there(entry):
            if entry["kind"] == "artifact":
                if not follower.sending(entry):
                    return
                self._requests.artifact(run_id, entry["file"], entry["folder"])
            else:
                refused = self._requests.model(*_place(follower, run_id, entry), _model(entry), follower)
                if refused:
                    log.warning("run %s: %s is %s", run_id, _name(entry), refused)
                    with follower.lock:
                        follower.miss(f"{_name(entry)}: {refused}")
            entry["stored"] = "yes"

    def _lost(self, follower: Follower, run_id: str, entry: dict[str, Any]) -> bool:
        """Whether an entry has no files any more and was not stored before."""
        if entry["kind"] == "withdrawn" or "stored" in entry or _there(entry):
            return False
        if not follower.cursor.again:
            return True  # what is stored is taken off the list before its files are removed
        if entry["kind"] == "artifact":
            return not self._requests.has_artifact(run_id, entry["path"])
        return not self._requests.has_model(*_place(follower, run_id, entry))


def _place(follower: Follower, run_id: str, entry: dict[str, Any]) -> tuple[str, str, str]:
    """Run, experiment and key of a model."""
    return run_id, str(follower.cursor.experiment_id), f"{follower.folder.key}/{Path(_model(entry).folder).name}"


def _model(entry: dict[str, Any]) -> Model:
    record = format.restored("Model", entry["record"])
    assert isinstance(record, Model)
    return record


def _name(entry: dict[str, Any]) -> str:
    return f"the model {entry['record']['name']}" if entry["kind"] == "model" else str(entry["path"])


def _there(entry: dict[str, Any]) -> bool:
    """Whether what is to be stored lies on this machine."""
    if entry["kind"] == "model":
        return registry.exists(_model(entry))
    return entry["kind"] == "withdrawn" or Path(entry["file"]).is_file()


def _remove(follower: Follower, entry: dict[str, Any]) -> None:
    """Delete the files of what was stored, where they are ours."""
    files = follower.folder.files
    if entry["kind"] == "artifact" and not entry["keep"]:
        remove(Path(entry["file"]), files)
    elif entry["kind"] == "model":
        folder = Path(entry["record"]["folder"])
        if files in folder.parents and ".." not in folder.parts:
            shutil.rmtree(folder, ignore_errors=True)
