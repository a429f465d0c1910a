"""Reads a journal, also one that is being written and one whose writer has died."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tfmlflow.tracking.journal import format
from tfmlflow.tracking.records import Record

CHUNK = 256 * 1024  # bytes


def read(file: Path, offset: int = 0) -> Iterator[tuple[int, Record]]:
    """(place after it, record) of each whole record after `offset`; a torn last one is not there yet."""
    for end, kind, payload in _frames(file, offset):
        record = format.decode(kind, payload)
        if record is not None:
            yield end, record


def _frames(file: Path, offset: int) -> Iterator[tuple[int, int, bytes]]:
    """(place after it, kind, payload) of each whole frame."""
    try:
        stream = file.open("rb")
    except FileNotFoundError:
        return
    with stream:
        place = max(offset, len(format.HEADER))
        stream.seek(place)
        content = b""
        while more := stream.read(CHUNK):
            content += more
            done = 0
            for end, kind, payload in format.frames(content):
                done = end
                yield place + end, kind, payload
            content, place = content[done:], place + done


def sound_length(file: Path) -> int:
    """Where the last whole record ends, so that a further writer can go on from there; 0 if there is no journal."""
    if not file.is_file() or file.stat().st_size < len(format.HEADER):
        return 0
    with file.open("rb") as stream:
        if stream.read(len(format.HEADER)) != format.HEADER:
            raise ValueError(f"{file}: is no journal of this version")
    return max((end for end, _, _ in _frames(file, 0)), default=len(format.HEADER))
