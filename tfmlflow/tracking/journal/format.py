"""How records lie in a journal file: a header, then frames, each with a mark, what stands before it, and a checksum.

    header  b"tfmlflow journal 2\\n"
    frame   mark (4 bytes), kind (1), length of the payload (4), how many records other than points (4) and how many
            points (8) stand before it, crc32 of all that and of the payload (4), payload
    payload of points   length of the key (2), flags (1), key, steps int64, times int64, values float64
    payload of others   JSON: the record's type and fields

Little-endian throughout. A frame that is cut short or broken is passed over, up to the next good one, which tells how
much is missing between the two.
"""

from __future__ import annotations

import dataclasses
import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmlflow.tracking.journal import records
from tfmlflow.tracking.journal.liveness import Process
from tfmlflow.tracking.journal.records import Points, Record

NAME = b"tfmlflow journal "
HEADER = NAME + b"2\n"
MARK = b"\xa5tfj"
FRAME = struct.Struct("<4sBIIQI")
COVERED = struct.Struct("<BIIQ")
KEY = struct.Struct("<HB")
POINTS, OTHER = 1, 2
STORED, HISTORY = 1, 2
LARGEST = 64 * 1024 * 1024  # bytes of a payload; a length beyond it is damage
FULL = 500  # points in a frame: two frames fit into one request to MLflow

TYPES = {
    kind.__name__: kind
    for kind in (
        *(records.Begin, records.Params, records.Tags, records.Artifact, records.Withdrawn),
        *(records.Dataset, records.Model, records.Missing, records.End, records.Left),
    )
}


@dataclass(frozen=True)
class Position:
    """A place in a journal.

    Attributes:
        offset: In bytes.
        others, points: How many records other than points, and how many points, stand before it.
    """

    offset: int = 0
    others: int = 0
    points: int = 0


START = Position()


@dataclass(frozen=True)
class Frame:
    """A whole frame.

    Attributes:
        end: Where it ends in the bytes that it was found in.
        kind: POINTS, OTHER, or one that a newer version has.
        others, points: How many stand before it.
        payload: The record.
    """

    end: int
    kind: int
    others: int
    points: int
    payload: bytes

    @property
    def count(self) -> int:
        """Points in it."""
        if self.kind != POINTS or len(self.payload) < KEY.size:
            return 0
        length: int = KEY.unpack_from(self.payload)[0]
        return (len(self.payload) - KEY.size - length) // 24


def encode(record: Record, others: int = 0, points: int = 0) -> bytes:
    """A record as one or, of many points, several frames, behind so many others and points."""
    if not isinstance(record, Points):
        return frame(OTHER, json.dumps(fields(record)).encode(), others, points)
    parts = range(0, len(record.steps), FULL)
    return b"".join(
        frame(POINTS, _points(record, slice(start, start + FULL)), others, points + start) for start in parts
    )


def counted(record: Record) -> tuple[int, int]:
    """How much further a record brings the two counts."""
    return (0, len(record.steps)) if isinstance(record, Points) else (1, 0)


def frame(kind: int, payload: bytes, others: int = 0, points: int = 0) -> bytes:
    """A payload with what makes it recognisable."""
    checksum = zlib.crc32(payload, zlib.crc32(COVERED.pack(kind, len(payload), others, points)))
    return FRAME.pack(MARK, kind, len(payload), others, points, checksum) + payload


def frames(content: bytes, start: int = 0) -> Iterator[Frame]:
    """Each whole frame in `content` from `start`; damage is passed over."""
    place = start
    while place + FRAME.size <= len(content):
        mark, kind, length, others, points, checksum = FRAME.unpack_from(content, place)
        end = place + FRAME.size + length
        if mark == MARK and length <= LARGEST:
            payload = content[place + FRAME.size : end]
            covered = zlib.crc32(COVERED.pack(kind, length, others, points))
            if end <= len(content) and zlib.crc32(payload, covered) == checksum:
                yield Frame(end, kind, others, points, payload)
                place = end
                continue
        place = content.find(MARK, place + 1)
        if place < 0:
            return


def unfinished(content: bytes, start: int) -> int:
    """Where a frame may begin, from `start`, that ends beyond `content`: what stands before it is done with."""
    place = content.find(MARK, start)
    while place >= 0:
        if place + FRAME.size > len(content):
            return place
        length = FRAME.unpack_from(content, place)[2]
        if length <= LARGEST and place + FRAME.size + length > len(content):
            return place
        place = content.find(MARK, place + 1)
    return max(start, len(content) - len(MARK) + 1)


def decode(kind: int, payload: bytes) -> Record | None:
    """The record in a payload; None if a newer version has written it, of a kind unknown here.

    Raises:
        ValueError, TypeError, KeyError, struct.error: It is none.
    """
    if kind == POINTS:
        length, flags = KEY.unpack_from(payload)
        start = KEY.size + length
        count = (len(payload) - start) // 24
        return Points(
            payload[KEY.size : start].decode(),
            np.frombuffer(payload, "<i8", count, start),
            np.frombuffer(payload, "<i8", count, start + 8 * count),
            np.frombuffer(payload, "<f8", count, start + 16 * count),
            bool(flags & STORED),
            bool(flags & HISTORY),
        )
    content: dict[str, Any] = json.loads(payload) if kind == OTHER else {}
    return restored(content.pop("type", ""), content)


def fields(record: Record) -> dict[str, Any]:
    """A record other than points, as JSON has it."""
    return {"type": type(record).__name__, **dataclasses.asdict(record)}


def restored(kind: str, content: Mapping[str, Any]) -> Record | None:
    """The record of a type by its fields; None for a type that is not known here."""
    made = TYPES.get(kind)
    if made is None:
        return None
    values = _known(made, content)
    if made is records.Begin:
        values["process"] = Process(**_known(Process, values["process"]))
    elif made is records.Model:
        values["dataset"] = tuple(values["dataset"]) if values["dataset"] else None
        if values["registration"]:
            values["registration"] = records.Registration(**_known(records.Registration, values["registration"]))
    record: Record = made(**values)
    return record


def _known(made: Any, content: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that this version knows: a newer one may have written more."""
    names = {field.name for field in dataclasses.fields(made)}
    return {name: value for name, value in content.items() if name in names}


def _points(record: Points, part: slice) -> bytes:
    key = record.key.encode()
    flags = STORED * record.stored | HISTORY * record.history
    columns = (
        np.asarray(record.steps[part], "<i8"),
        np.asarray(record.times[part], "<i8"),
        np.asarray(record.values[part], "<f8"),
    )
    return b"".join((KEY.pack(len(key), flags), key, *(column.tobytes() for column in columns)))
