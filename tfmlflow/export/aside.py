"""A file or folder that is made under another name, and takes its own only when it is whole."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def folder(beside: Path) -> Iterator[Path]:
    """A folder on the same disk, gone with all that was left in it."""
    made = Path(tempfile.mkdtemp(prefix=f".{beside.name}.", suffix=".part", dir=beside.parent))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def take_place(made: Path, place: Path) -> None:
    """Rename `made` to `place`, in place of what is there.

    Args:
        made, place: Both files, or both folders; on one disk.
    """
    if not place.is_dir():
        made.replace(place)
        return
    old = made.with_name(f"old-{os.getpid()}")  # in the folder that will be gone
    place.rename(old)
    try:
        made.rename(place)
    except BaseException:
        old.rename(place)
        raise
