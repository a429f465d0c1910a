"""`history.parquet` has every point of the journal, once, whatever their number."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from tests.tracking.journal.samples import RECORDS, points, write
from tfmlflow.tracking.journal import format, history, reader
from tfmlflow.tracking.journal.records import Points


def rows(file: Path) -> list[tuple[str, int, int, float]]:
    table = pq.read_table(file)
    times = table["time"].cast("int64").to_pylist()
    return list(
        zip(table["key"].to_pylist(), table["step"].to_pylist(), times, table["value"].to_pylist(), strict=True)
    )


def said(*journals: Path) -> list[tuple[str, int, int, float]]:
    return [
        (record.key, *point)
        for journal in journals
        for _, record in reader.read(journal)
        if isinstance(record, Points) and record.history
        for point in zip(record.steps.tolist(), record.times.tolist(), record.values.tolist(), strict=True)
    ]


def as_text(found: list[tuple[str, int, int, float]]) -> list[str]:
    return [repr(row) for row in found]  # where NaN equals NaN


def random_records(seed: int, count: int) -> list[Points]:
    rng = np.random.default_rng(seed)
    keys = [f"key/{i}" for i in range(30)]
    return [
        points(str(rng.choice(keys)), rng.normal(size=rng.integers(1, 900)), first=int(rng.integers(10**9)))
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_it_equals_the_points_of_the_journals(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "ROWS", 4000)  # several row groups, with different keys in each
    write(tmp_path / "journal", *RECORDS, *random_records(seed, 60))
    write(tmp_path / "system", *random_records(seed + 100, 5))
    journals = [tmp_path / "journal", tmp_path / "system"]
    count = history.write(journals, tmp_path / "history.parquet")
    expected = said(*journals)
    assert count == len(expected) > 20_000
    assert as_text(rows(tmp_path / "history.parquet")) == as_text(expected)
    assert pq.ParquetFile(tmp_path / "history.parquet").num_row_groups > 3
    assert {path.name for path in tmp_path.iterdir()} == {"journal", "system", "history.parquet"}


def test_only_what_is_for_the_history_is_in_it(tmp_path: Path) -> None:
    write(
        tmp_path / "journal",
        points("every", [1.0, 2.0, 3.0], stored=False),
        points("every", [2.0], history=False),
        points("other", [float("nan")]),
    )
    assert history.write([tmp_path / "journal", tmp_path / "absent"], tmp_path / "h.parquet") == 4
    assert [(key, step) for key, step, *_ in rows(tmp_path / "h.parquet")] == [
        ("every", 1),
        ("every", 2),
        ("every", 3),
        ("other", 1),
    ]


def test_no_number_is_no_number_and_not_a_gap(tmp_path: Path) -> None:
    write(tmp_path / "journal", points("a", [1.0, float("nan"), float("inf")]))
    history.write([tmp_path / "journal"], tmp_path / "h.parquet")
    column = pq.read_table(tmp_path / "h.parquet")["value"]
    assert column.null_count == 0
    np.testing.assert_array_equal(column.to_numpy(), [1.0, np.nan, np.inf])


def test_pandas_reads_it_as_people_do(tmp_path: Path) -> None:
    write(tmp_path / "journal", points("a", [1.0, 2.0]))
    history.write([tmp_path / "journal"], tmp_path / "h.parquet")
    frame = pd.read_parquet(tmp_path / "h.parquet")
    assert list(frame.columns) == ["key", "step", "time", "value"]
    assert str(frame.time.dt.tz) == "UTC"
    assert frame[frame.key == "a"].set_index("step").value.to_dict() == {1: 1.0, 2: 2.0}


def test_no_points_are_no_rows(tmp_path: Path) -> None:
    assert history.write([tmp_path / "nothing"], tmp_path / "h.parquet") == 0
    assert rows(tmp_path / "h.parquet") == []


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_an_earlier_history_is_gone_on_from_without_a_doubled_row(tmp_path: Path, share: float) -> None:
    records = [points("a", np.arange(1000.0)), points("b", np.arange(700.0)), points("nan", [float("nan")] * 5)]
    write(tmp_path / "first", *records)
    history.write([tmp_path / "first"], tmp_path / "earlier.parquet")

    def part(record: Points) -> Points:
        start = round((1 - share) * len(record.steps))
        return Points(record.key, record.steps[start:], record.times[start:], record.values[start:])

    further = [part(record) for record in records] + [points("a", [5.0, 6.0], first=1001), points("c", [1.0])]
    write(tmp_path / "second", *further)
    count = history.write([tmp_path / "second"], tmp_path / "h.parquet", tmp_path / "earlier.parquet")
    found = rows(tmp_path / "h.parquet")
    assert count == len(found) == 1000 + 700 + 5 + 2 + 1
    assert as_text(sorted(found, key=repr)) == as_text(
        sorted({*said(tmp_path / "first"), *further_new(further)}, key=repr)
    )


def further_new(records: list[Points]) -> list[Any]:
    *_, a, c = records
    return [("a", 1001, int(a.times[0]), 5.0), ("a", 1002, int(a.times[1]), 6.0), ("c", 1, int(c.times[0]), 1.0)]


def test_a_million_points_need_no_more_memory_than_a_part_of_them(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=250_000)
    with (tmp_path / "journal").open("wb") as stream:
        stream.write(format.HEADER)
        for i in range(4):
            stream.write(format.encode(points(f"key{i}", values, first=1 + i * len(values))))
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from tfmlflow.tracking.journal import history\n"
        "folder = Path(sys.argv[1])\n"
        "history.write([folder / 'nothing'], folder / 'warm.parquet')\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "count = history.write([folder / 'journal'], folder / 'h.parquet')\n"
        "print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    count, kilobytes = map(int, done.stdout.split())
    assert count == 1_000_000
    assert kilobytes < 64 * 1024, f"{kilobytes / 1024:.0f} MB"  # 24 MB of points, 4.8 MB of them at a time
    print(f"{kilobytes / 1024:.0f} MB")
    column = pq.read_table(tmp_path / "h.parquet")["value"].to_numpy()
    np.testing.assert_array_equal(column, np.tile(values, 4))
