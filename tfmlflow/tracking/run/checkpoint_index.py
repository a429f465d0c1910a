"""The index of a run's checkpoints: a file beside them, and a tag for a process that goes on with the run."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tfmlflow.vocabulary import Tag

FOLDER = "checkpoints"  # among the run's artifacts
FILE = "index.json"
ELSEWHERE = f"{FOLDER}/{FILE}"  # what the tag holds where the index is too long for one
LONGEST = 5000  # characters of a tag that every store takes
ROLES = ("last", "best")


@dataclass
class Entry:
    """A checkpoint.

    Attributes:
        file: Its name.
        epoch, step: After which it was taken.
        objective: What the epoch reached, None within an epoch.
        sha256: Of the file.
        roles: last, best or both.
    """

    file: str
    epoch: int
    step: int
    objective: float | None = None
    sha256: str = ""
    roles: list[str] = field(default_factory=list)


def text(entries: Sequence[Entry], indent: int | None = None) -> str:
    """The index as JSON."""
    return json.dumps([asdict(entry) for entry in entries], indent=indent)


def as_tag(entries: Sequence[Entry]) -> dict[str, str]:
    """The tag, of a length that every store takes whole."""
    whole = text(entries)
    return {Tag.CHECKPOINTS: whole if len(whole) <= LONGEST else ELSEWHERE}


def known(tags: Mapping[str, str], artifact: Callable[[str], str | None]) -> list[Entry]:
    """The checkpoints that an earlier process has left in a run.

    Args:
        tags: Of the run.
        artifact: Reads one of its artifacts; None if it cannot be read.

    Returns:
        Only entries that make sense: anybody can write to a store, and files are deleted by these names.
    """
    said = tags.get(Tag.CHECKPOINTS, "[]")
    if said == ELSEWHERE:
        said = artifact(ELSEWHERE) or "[]"
    try:
        found = json.loads(said)
    except ValueError:
        return []
    entries = [_entry(item) for item in found] if isinstance(found, list) else []
    return [entry for entry in entries if entry is not None]


def _entry(item: Any) -> Entry | None:
    if not isinstance(item, dict):
        return None
    file, epoch, step, value = item.get("file"), item.get("epoch"), item.get("step"), item.get("objective")
    sha256, roles = item.get("sha256"), item.get("roles")
    if not (isinstance(file, str) and re.fullmatch(r"step-\d{8,18}\.npz", file)):
        return None
    if not (isinstance(epoch, int) and isinstance(step, int) and isinstance(sha256, str)):
        return None
    if value is not None and not (isinstance(value, int | float) and math.isfinite(value)):
        return None
    named = [role for role in ROLES if isinstance(roles, list) and role in roles]
    return Entry(file, epoch, step, None if value is None else float(value), sha256, named)
