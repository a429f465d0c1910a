"""Reads a journal: one that is being written, one whose writer has died, one that was damaged."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tfmlflow.tracking.journal import format
from tfmlflow.tracking.journal.format import START, Frame, Position
from tfmlflow.tracking.journal.records import Missing, Record

CHUNK = 256 * 1024  # bytes
UNDECODABLE = (ValueError, TypeError, KeyError, AttributeError, struct.error)


class OtherVersion(ValueError):
    """A journal that another version has written, in another format."""


def read(
    file: Path, place: Position = START, copy: Path | None = None, over: bool = False
) -> Iterator[tuple[Position, Record]]:
    """(place after it, record) of each whole record after `place`; a torn last one is not there yet.

    Args:
        file: The journal.
        place: Where to go on.
        copy: Holds the records other than points once more. With it, what is damaged is taken from there, and what is
            in neither is told as `Missing`.
        over: Nobody writes any more: what the copy has beyond the journal is taken too.

    Raises:
        OSError: It cannot be read.
        OtherVersion: It is of another version.
    """
    for frame in _frames(file, place.offset):
        if copy is not None:
            if frame.others < place.others or frame.points < place.points:  # read from the copy before
                place = replace(place, offset=frame.end)
                continue
            yield from _between(copy, place, frame.others, frame.points)
        place = Position(frame.end, frame.others + (frame.kind != format.POINTS), frame.points + frame.count)
        record = _record(frame)
        if record is not None:
            yield place, record
    if copy is not None and over:
        yield from _between(copy, place)


def _between(
    copy: Path, place: Position, others: int | None = None, points: int | None = None
) -> Iterator[tuple[Position, Record]]:
    """What a copy has of the records from `place` up to where so many stand before; None: all of them."""
    if (others, points) == (place.others, place.points):
        return
    for frame in _frames(copy, 0):
        if frame.others < place.others or (others is not None and frame.others >= others):
            continue
        yield from _missing(place, frame.others, max(place.points, frame.points))
        place = Position(place.offset, frame.others + 1, max(place.points, frame.points))
        if (record := _record(frame)) is not None:
            yield place, record
    if others is not None and points is not None:
        yield from _missing(place, others, points)


def _missing(place: Position, others: int, points: int) -> Iterator[tuple[Position, Record]]:
    lost = {"points": points - place.points, "records": others - place.others}
    there = Position(place.offset, others, points)
    for what, count in lost.items():
        if count > 0:
            yield there, Missing(what, count)


def _record(frame: Frame) -> Record | None:
    try:
        return format.decode(frame.kind, frame.payload)
    except UNDECODABLE:
        return Missing("records", 1)


def _frames(file: Path, offset: int) -> Iterator[Frame]:
    """Each whole frame; its `end` is the place in the file."""
    try:
        stream = file.open("rb")
    except FileNotFoundError:
        return
    with stream:
        start = max(offset, len(format.HEADER))
        header = stream.read(len(format.HEADER)) if offset < start else format.HEADER
        stream.seek(start)
        content, found = b"", False
        while more := stream.read(CHUNK):
            content += more
            done = 0
            for frame in format.frames(content):
                done, found = frame.end, True
                yield replace(frame, end=start + frame.end)
            kept = format.unfinished(content, done)
            content, start = content[kept:], start + kept
        # A byte of the header may be damaged: it is another version's only if nothing in it is of ours.
        if not found and header != format.HEADER and header.startswith(format.NAME) and content:
            raise OtherVersion(f"{file}: was written by another version of tfmlflow")


def sound_end(file: Path) -> Position:
    """Where the last whole record ends, so that a further writer can go on from there; the start if there is none.

    Raises:
        OtherVersion: It is no journal of this version.
    """
    if not file.is_file() or file.stat().st_size < len(format.HEADER):
        return START
    place, found = Position(len(format.HEADER)), False
    for frame in _frames(file, 0):
        place, found = (
            Position(frame.end, frame.others + (frame.kind != format.POINTS), frame.points + frame.count),
            True,
        )
    with file.open("rb") as stream:
        if not found and stream.read(len(format.HEADER)) != format.HEADER:
            raise OtherVersion(f"{file}: is no journal of this version of tfmlflow")
    return place
