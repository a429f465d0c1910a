"""How records lie in a journal file: a header, then frames, each with a mark, its length and a checksum.

    header  b"tfmlflow journal 1\\n"
    frame   mark (4 bytes), kind (1), length of the payload (4), crc32 of kind and payload (4), payload
    payload of points   length of the key (2), flags (1), key, steps int64, times int64, values float64
    payload of others   JSON: the record's type and fields

Little-endian throughout. A frame that is cut short or broken is passed over, up to the next good one.
"""

from __future__ import annotations

import dataclasses
import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tfmlflow.tracking import records
from tfmlflow.tracking.liveness import Process
from tfmlflow.tracking.records import Points, Record

HEADER = b"tfmlflow journal 1\n"
MARK = b"\xa5tfj"
FRAME = struct.Struct("<4sBII")
KEY = struct.Struct("<HB")
POINTS, OTHER = 1, 2
STORED, HISTORY = 1, 2
LARGEST = 64 * 1024 * 1024  # bytes of a payload; a length beyond it is damage
FULL = 500  # points in a frame: two frames fit into one request to MLflow

TYPES = {
    kind.__name__: kind
    for kind in (
        *(records.Begin, records.Params, records.Tags, records.Artifact, records.Withdrawn),
        *(records.Dataset, records.Model, records.End, records.Left),
    )
}


def encode(record: Record) -> bytes:
    """A record as one or, of many points, several frames."""
    if isinstance(record, Points):
        count = len(record.steps)
        return b"".join(_points(record, slice(start, start + FULL)) for start in range(0, count, FULL))
    return frame(OTHER, json.dumps(fields(record)).encode())


def frame(kind: int, payload: bytes) -> bytes:
    """A payload with what makes it recognisable."""
    return FRAME.pack(MARK, kind, len(payload), zlib.crc32(payload, kind)) + payload


def frames(content: bytes, start: int = 0) -> Iterator[tuple[int, int, bytes]]:
    """(end of the frame, kind, payload) of each whole frame in `content` from `start`; damage is passed over."""
    place = start
    while place + FRAME.size <= len(content):
        mark, kind, length, checksum = FRAME.unpack_from(content, place)
        end = place + FRAME.size + length
        if mark == MARK and length <= LARGEST:
            payload = content[place + FRAME.size : end]
            if end <= len(content) and zlib.crc32(payload, kind) == checksum:
                yield end, kind, payload
                place = end
                continue
        place = content.find(MARK, place + 1)
        if place < 0:
            return


def decode(kind: int, payload: bytes) -> Record | None:
    """The record in a payload; None if a newer version has written it, of a kind unknown here."""
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
    return frame(POINTS, b"".join((KEY.pack(len(key), flags), key, *(column.tobytes() for column in columns))))
