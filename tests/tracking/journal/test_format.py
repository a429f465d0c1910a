"""What is written can be read, whatever happened to the rest of the file."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from tests.tracking.journal.samples import PROCESS, RECORDS, UNICODE, all_same, points, same, write
from tfmlflow.tracking.journal import format, reader
from tfmlflow.tracking.journal.format import Position
from tfmlflow.tracking.journal.records import Begin, End, Model, Params, Points, Record, Registration, Tags
from tfmlflow.tracking.journal.writer import Journal


def read(file: Path, offset: int = 0) -> list[Record]:
    return [record for _, record in reader.read(file, Position(offset))]


def test_the_samples_have_every_type_of_record() -> None:
    assert {type(record) for record in RECORDS} == set(get_args(Record))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_every_record_comes_back_as_it_was(record: Record) -> None:
    (frame,) = format.frames(format.encode(record, 7, 9))
    assert same(format.decode(frame.kind, frame.payload), record)
    assert (frame.others, frame.points) == (7, 9)
    assert frame.count == (len(record.steps) if isinstance(record, Points) else 0)


def test_a_journal_comes_back_in_order_and_each_place_is_one_to_go_on_from(tmp_path: Path) -> None:
    ends = write(tmp_path / "journal", *RECORDS)
    found = list(reader.read(tmp_path / "journal"))
    assert [place.offset for place, _ in found] == ends
    counts = np.cumsum([format.counted(record) for record in RECORDS], axis=0)
    assert [(place.others, place.points) for place, _ in found] == [tuple(count) for count in counts.tolist()]
    assert all_same([record for _, record in found], RECORDS)
    for i, end in enumerate(ends, 1):
        assert all_same(read(tmp_path / "journal", end), RECORDS[i:])


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1000, 12_345])
def test_many_points_are_split_and_lose_none(tmp_path: Path, count: int) -> None:
    whole = points("batch/loss", np.random.default_rng(count).normal(size=count), stored=False)
    write(tmp_path / "journal", whole)
    parts: list[Any] = read(tmp_path / "journal")
    assert [len(part.steps) for part in parts] == [500] * (count // 500) + [count % 500] * (count % 500 > 0)
    assert not any(part.stored for part in parts)
    assert all(part.history and part.key == "batch/loss" for part in parts)
    for column in ("steps", "times", "values"):
        joined = np.concatenate([np.empty(0), *(getattr(part, column) for part in parts)])
        np.testing.assert_array_equal(joined, getattr(whole, column))


def test_a_journal_cut_at_any_byte_gives_all_whole_records_before(tmp_path: Path) -> None:
    records = [*RECORDS, points("last/but/one", np.arange(9)), Tags({"last": UNICODE})]
    file = tmp_path / "journal"
    ends = write(file, *records)
    content = file.read_bytes()
    for length in range(ends[-3], ends[-1] + 1):
        file.write_bytes(content[:length])
        whole = sum(end <= length for end in ends)
        assert all_same(read(file), records[:whole]), length
        assert reader.sound_end(file).offset == ends[whole - 1], length


def test_a_journal_cut_within_its_header_is_empty_and_can_be_begun_anew(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    for length in range(len(format.HEADER) + 1):
        file.write_bytes(format.HEADER[:length])
        assert read(file) == []
        journal = Journal(file)
        journal.put(Tags({"a": "b"}))
        assert journal.close()
        assert read(file) == [Tags({"a": "b"})]


@pytest.mark.parametrize("seed", range(60))
def test_damage_costs_the_damaged_record_alone(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    pool = [*RECORDS, *(points(f"key{i}", np.arange(rng.randrange(1, 400))) for i in range(40))]
    records = [rng.choice(pool) for _ in range(60)]
    file = tmp_path / "journal"
    ends = [len(format.HEADER), *write(file, *records)]
    content = bytearray(file.read_bytes())
    victim = rng.randrange(1, 59)
    start, end = ends[victim], ends[victim + 1]
    way = seed % 4
    if way == 0:  # bits that flip
        for _ in range(rng.randrange(1, 9)):
            place = rng.randrange(start, end)
            content[place] ^= 1 << rng.randrange(8)
        if bytes(content[start:end]) == file.read_bytes()[start:end]:
            content[start] ^= 1
    elif way == 1:  # a block of zeros
        content[start:end] = bytes(end - start)
    elif way == 2:  # bytes that are gone
        cut = rng.randrange(1, end - start + 1)
        del content[start : start + cut]
    else:  # noise, with what looks like the beginning of a record in it
        noise = rng.randbytes(20) + format.MARK + rng.randbytes(20) + format.MARK * 3
        content[start + 1 : end] = noise
    file.write_bytes(content)
    assert all_same(read(file), records[:victim] + records[victim + 1 :])


@pytest.mark.parametrize("length", [0, 1, 100, 2**16, format.LARGEST, format.LARGEST + 1, 2**32 - 1])
def test_a_length_that_is_damaged_does_not_hide_the_records_behind(tmp_path: Path, length: int) -> None:
    records = [Tags({"n": str(i)}) for i in range(20)]
    file = tmp_path / "journal"
    ends = write(file, *records)
    content = bytearray(file.read_bytes())
    content[ends[4] + 5 : ends[4] + 9] = length.to_bytes(4, "little")
    file.write_bytes(content)
    assert read(file) == records[:5] + records[6:]


def test_damage_longer_than_what_is_read_at_once_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    first, last = Tags({"a": "first"}), Tags({"a": "last"})
    noise = random.Random(1).randbytes(3 * reader.CHUNK + 17)
    file.write_bytes(format.HEADER + format.encode(first) + noise + format.encode(last))
    assert read(file) == [first, last]
    assert reader.sound_end(file).offset == file.stat().st_size


@pytest.mark.parametrize("size", [reader.CHUNK - 30, reader.CHUNK, reader.CHUNK + 1, 5 * reader.CHUNK + 3])
def test_records_larger_than_what_is_read_at_once_are_whole(tmp_path: Path, size: int) -> None:
    records = [Tags({"a": "b"}), Params({"large": "x" * size}), points(), Params({"large": "y" * size}), End(None, 1)]
    ends = write(tmp_path / "journal", *records)
    assert all_same(read(tmp_path / "journal"), records)
    assert reader.sound_end(tmp_path / "journal").offset == ends[-1]


def test_what_a_newer_version_says_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    newer = [
        format.frame(format.OTHER, json.dumps({"type": "Prophecy", "of": {"nested": [1, None]}}).encode()),
        format.frame(7, b"\x00\x01\x02"),
        format.frame(format.OTHER, json.dumps({**format.fields(Tags({"a": "b"})), "mood": "good"}).encode()),
    ]
    file.write_bytes(b"".join([format.HEADER, format.encode(points()), *newer, format.encode(End("FINISHED", 1))]))
    assert all_same(read(file), [points(), Tags({"a": "b"}), End("FINISHED", 1)])


@pytest.mark.parametrize(
    ("record", "nested"),
    [
        (Begin("u", "e", None, None, "n", {}, PROCESS), "process"),
        (Model("/m", "best", 1, {}, 1, {}, None, Registration("m", "val/loss", "min", 1.0, None)), "registration"),
    ],
    ids=["process", "registration"],
)
def test_what_a_newer_version_adds_inside_of_a_record_is_passed_over(
    tmp_path: Path, record: Begin | Model, nested: str
) -> None:
    content = format.fields(record)
    content[nested] = {**content[nested], "mood": "good"}
    frame = format.frame(format.OTHER, json.dumps(content).encode())
    (tmp_path / "journal").write_bytes(format.HEADER + frame + format.encode(End("FINISHED", 1)))
    assert read(tmp_path / "journal") == [record, End("FINISHED", 1)]


def test_going_on_keeps_the_last_record_of_a_newer_version(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    unknown = format.frame(format.OTHER, json.dumps({"type": "Prophecy"}).encode(), 0, len(points().steps))
    file.write_bytes(format.HEADER + format.encode(points()) + unknown)
    before = file.read_bytes()
    journal = Journal(file)
    journal.put(End("FINISHED", 1))
    assert journal.close()
    assert file.read_bytes() == before + format.encode(End("FINISHED", 1), 1, len(points().steps))


@pytest.mark.parametrize("header", [b"tfmlflow journal 1\n", b"SQLite format 3\x00\x00\x00\x00", b"\x00" * 19])
def test_a_file_with_another_header_is_refused_by_name_and_left_alone(tmp_path: Path, header: bytes) -> None:
    file = tmp_path / "journal"
    content = header + b"something else"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=str(file)):
        reader.sound_end(file)
    Journal(file).close()  # begins a new one
    assert file.with_name("journal-of-another-version").read_bytes() == content
    assert list(reader.read(file)) == []


def test_no_file_is_no_record(tmp_path: Path) -> None:
    assert read(tmp_path / "nothing") == []
    assert reader.sound_end(tmp_path / "nothing") == Position()


def test_a_key_that_is_damaged_in_a_sound_frame_of_points_cannot_be(tmp_path: Path) -> None:
    """Checksums cover the kind too: a frame of points never reads as one of JSON."""
    frame = bytearray(format.encode(points()))
    frame[4] = format.OTHER
    assert list(format.frames(bytes(frame))) == []


def test_points_are_columns_of_the_types_that_they_say(tmp_path: Path) -> None:
    loose = Points("a", [1, 2], [3, 4], [np.float32(0.1), 2])  # type: ignore[arg-type]
    write(tmp_path / "journal", dataclasses.replace(loose))
    (record,) = read(tmp_path / "journal")
    assert isinstance(record, Points)
    assert (record.steps.dtype, record.times.dtype, record.values.dtype) == (np.int64, np.int64, np.float64)
    assert record.values[0] == np.float64(np.float32(0.1))
