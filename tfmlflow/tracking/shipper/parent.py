"""Whose child a run is: the id of a sweep's run may be known only after its jobs have begun."""

from __future__ import annotations

from tfmlflow import whole_file
from tfmlflow.tracking.journal.run_folder import RunFolder
from tfmlflow.tracking.shipper.cursor import Cursor
from tfmlflow.tracking.store.requests import Requests
from tfmlflow.vocabulary import Tag

LOST = "its place under the run of its sweep, which is not known on this machine any more"


def run_id(folder: RunFolder, key: str) -> str | None:
    """The id of the run with this name in the spool, once the store has it."""
    found = whole_file.read(folder.path.parent / key / "cursor").get("run_id")
    return found if isinstance(found, str) else None


def belong(folder: RunFolder, cursor: Cursor, requests: Requests) -> None:
    """Say whose child the run is, as soon as that one's id is known."""
    if cursor.parent is None or cursor.run_id is None:
        return
    if (parent := run_id(folder, cursor.parent)) is not None:
        requests.log(cursor.run_id, [], {}, {Tag.PARENT: parent})
    elif (folder.path.parent / cursor.parent).is_dir():
        return  # it is still to come
    else:
        cursor.miss(LOST)
    cursor.parent = None
    cursor.save(folder)
