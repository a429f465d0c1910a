"""One record of every type, and how two records are compared."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from tfmlflow.tracking.journal import format
from tfmlflow.tracking.journal.liveness import Process
from tfmlflow.tracking.journal.records import (
    Artifact,
    Begin,
    Dataset,
    End,
    Left,
    Missing,
    Model,
    Params,
    Points,
    Record,
    Registration,
    Tags,
    Withdrawn,
)

UNICODE = 'ключ 模型 \U0001f600 \u2028 \x00 \udcff " \\ \n'  # \udcff: a byte of a file name that is no UTF-8
VALUES = (0.0, -0.0, 1e-308, 5e-324, -1.5, 1e308, float("nan"), float("inf"), float("-inf"))
PROCESS = Process(12, 34.5, "host boot pid:[1]")


def points(key: str = "batch/loss", values: Any = VALUES, first: int = 1, **flags: bool) -> Points:
    """Points at consecutive steps."""
    numbers = np.asarray(values, np.float64)
    steps = np.arange(first, first + len(numbers))
    return Points(key, steps, 1_700_000_000_000 + steps, numbers, **flags)


RECORDS: tuple[Record, ...] = (
    Begin(UNICODE, UNICODE, None, None, "", {}, PROCESS),
    Begin("sqlite:///x", "e", "1", "f" * 32, UNICODE, {UNICODE: UNICODE}, PROCESS, 5, False, False, 3),
    points(),
    points("ключ/" + "x" * 300, [1.0], stored=False),
    points("thinned", [1.0, 2.0], history=False),
    points("extremes", [1.0, 2.0], first=2**63 - 1_700_000_000_003),
    points("before", [1.0], first=-5),
    Params({}),
    Params({"model.name": "mlp", UNICODE: UNICODE, "long": "x" * 10_000}),
    Tags({"a": UNICODE}),
    Artifact("/tmp/" + UNICODE, "plots", True),
    Artifact("/tmp/x", ""),
    Withdrawn(UNICODE, "checkpoints"),
    Dataset("mnist", "d", "https://x/?a=b", '{"rows": 1}', "{}", "train"),
    Model("/tmp/m", "best", 3, {"best/loss": 0.5, "best/epoch": 3.0}, 17, {"a": "b"}, ("mnist", "d"), None),
    Model("/tmp/m", "best", 3, {}, 17, {}, None, Registration("m", "val/loss", "min", 1e-9, None)),
    Model("/tmp/m", "best", 3, {}, 17, {}, None, Registration(UNICODE, "val/loss", "max", float("inf"), "d")),
    Missing("points", 12),
    End("FINISHED", 17),
    End(None, 17, True),
    Left(),
)


def same(one: Record | None, other: Record | None) -> bool:
    """Whether two records say the same, NaN and the sign of zero included."""
    if not isinstance(one, Points) or not isinstance(other, Points):
        return one == other
    fields = [(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(Points)]
    return all(
        a.tobytes() == np.asarray(b, a.dtype).tobytes() if isinstance(a, np.ndarray) else a == b for a, b in fields
    )


def all_same(some: list[Any], others: Any) -> bool:
    """Whether all of them do."""
    return len(some) == len(others) and all(same(a, b) for a, b in zip(some, others, strict=True))


def encoded(*records: Record) -> list[bytes]:
    """The frames of each, one behind the other."""
    parts, others, values = [], 0, 0
    for record in records:
        parts.append(format.encode(record, others, values))
        more = format.counted(record)
        others, values = others + more[0], values + more[1]
    return parts


def write(file: Path, *records: Record) -> list[int]:
    """Write a journal in one go; where each record ends."""
    parts = [format.HEADER, *encoded(*records)]
    file.write_bytes(b"".join(parts))
    return np.cumsum([len(part) for part in parts])[1:].tolist()
