"""`history.parquet`: every point of a run in full resolution, made from its journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tfmlflow import whole_file
from tfmlflow.tracking.journal import reader
from tfmlflow.tracking.journal.records import Points

SCHEMA = pa.schema(
    [
        ("key", pa.dictionary(pa.int32(), pa.string())),
        ("step", pa.int64()),
        ("time", pa.timestamp("ms", tz="UTC")),
        ("value", pa.float64()),
    ]
)
ROWS = 200_000  # of a row group; what is held in memory at once


def write(journals: Sequence[Path], file: Path, earlier: Path | None = None) -> int:
    """Write the points of `journals` to `file`.

    Args:
        journals: Of one run.
        file: Columns key, step, time (UTC, milliseconds), value; replaced in one step.
        earlier: A history of the same run to begin with, of which the journals may hold a part.

    Returns:
        How many rows there are.
    """
    rows, known = 0, set[tuple[str, int, int]]()
    with (
        whole_file.replacing(file, durable=False) as stream,
        pq.ParquetWriter(stream, SCHEMA, compression="zstd") as writer,
    ):
        if earlier is not None:
            table = pq.read_table(earlier).cast(SCHEMA)
            columns = (table["key"].to_pylist(), table["step"].to_pylist(), table["time"].cast(pa.int64()).to_pylist())
            known = set(zip(*columns, strict=True))
            writer.write_table(table)
            rows += table.num_rows
        for batch in _batches(_points(journals), known):
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _points(journals: Sequence[Path]) -> Iterator[Points]:
    for journal in journals:
        for _, record in reader.read(journal):
            if isinstance(record, Points) and record.history:
                yield record


def _batches(points: Iterator[Points], known: set[tuple[str, int, int]]) -> Iterator[pa.RecordBatch]:
    waiting: list[Points] = []
    count = 0
    for record in points:
        if known:
            record = _without(record, known)
        waiting.append(record)
        count += len(record.steps)
        if count >= ROWS:
            yield _batch(waiting)
            waiting, count = [], 0
    if waiting:
        yield _batch(waiting)


def _batch(points: Sequence[Points]) -> pa.RecordBatch:
    keys = sorted({record.key for record in points})
    place = {key: i for i, key in enumerate(keys)}
    indices = np.repeat([place[record.key] for record in points], [len(record.steps) for record in points])
    return pa.record_batch(
        [
            pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), pa.array(keys, pa.string())),
            pa.array(np.concatenate([record.steps for record in points]), pa.int64()),
            pa.array(np.concatenate([record.times for record in points]), pa.timestamp("ms", tz="UTC")),
            pa.array(np.concatenate([record.values for record in points]), pa.float64(), from_pandas=False),
        ],
        schema=SCHEMA,
    )


def _without(record: Points, known: set[tuple[str, int, int]]) -> Points:
    fresh = np.array(
        [(record.key, int(step), int(time)) not in known for step, time in zip(record.steps, record.times, strict=True)]
    )
    return Points(record.key, record.steps[fresh], record.times[fresh], record.values[fresh])
