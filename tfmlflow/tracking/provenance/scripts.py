"""The scripts of a program that is in no repository."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from tfmlflow.tracking.provenance.written import Written

DEEPEST = 5  # folders below the program's own
MOST, MOST_FOLDERS = 2000, 2000  # the nearest ones, should somebody's whole home be there
OTHERS = ("__pycache__", "node_modules", "site-packages")  # names of folders of what is installed, or made
MARKS = {"pyvenv.cfg", "MLmodel"}  # in folders of the same kind


def digest(folder: str) -> str:
    """Of names and contents of the scripts in a folder and below it."""
    made = hashlib.sha256()
    for place in sorted(_found(folder)):
        content = b"cannot be read"
        with contextlib.suppress(OSError):
            content = Path(folder, place).read_bytes()
        made.update(f"{place.as_posix()}\0{len(content)}\0".encode("utf-8", "surrogateescape") + content)
    return made.hexdigest()[:16]


def _found(folder: str) -> list[PurePath]:
    """Their names from the folder, the nearest ones first."""
    written, found = Written(folder), list[PurePath]()
    looked, level = 0, [PurePath()]
    for _ in range(DEEPEST + 1):
        below: list[PurePath] = []
        for place in level[: MOST_FOLDERS - looked]:
            looked += 1
            for entry in _entries(folder, place):
                name = place / entry.name
                if entry.name.endswith(".py") and Path(entry.path).is_file():
                    found.append(name)
                elif entry.is_dir(follow_symlinks=False) and _may_hold(entry.name) and not written.is_written(name):
                    below.append(name)
        if len(found) >= MOST:
            return found[:MOST]
        level = below
    return found


def _entries(folder: str, place: PurePath) -> Iterator[os.DirEntry[str]]:
    """What is in a folder, by name; nothing of one that cannot be read, or that something else has made."""
    try:
        entries = sorted(os.scandir(Path(folder, place)), key=lambda entry: entry.name)
    except OSError:
        return
    if place == PurePath() or not any(entry.name in MARKS for entry in entries):
        yield from entries


def _may_hold(name: str) -> bool:
    return not name.startswith(".") and name not in OTHERS
