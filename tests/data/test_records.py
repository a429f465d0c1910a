"""TFRecord files that are read by position: the index and its cache, the order, broken records, and memory."""

from __future__ import annotations

import os
import struct
import sys
import textwrap
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests import stores
from tests.conftest import ROOT, Command, run
from tests.data.test_pictures import all_seen, png, record, records, seen, shade
from tests.hardware.process import quiet
from tfmlflow.data.batches.in_memory import in_memory
from tfmlflow.data.pipeline import Pipeline
from tfmlflow.data.records import cache, framing, shard
from tfmlflow.data.records.reader import Reader
from tfmlflow.datasets import tfrecord
from tfmlflow.errors import UsageError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TFMLFLOW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "records"


@pytest.fixture
def shards(tmp_path: Path) -> str:
    """Three files of 12, 9 and 9 records."""
    for number, part in enumerate((range(4), range(4, 7), range(7, 10))):
        records(tmp_path / f"x.tfrecord-{number}", part)
    return str(tmp_path / "x.tfrecord-*")


def begins(file: Path) -> list[int]:
    return [one.begin for one in framing.records(file)]


def changed(file: Path, place: int) -> None:
    """One byte of a file becomes another; its size stays."""
    content = bytearray(file.read_bytes())
    content[place] ^= 0xFF
    file.write_bytes(content)


def test_records_stay_in_their_files(shards: str) -> None:
    data = tfrecord.load(shards, size=(4, 4))
    assert data.train.x.shape == (22, 4)
    assert set(data.train.x[:, 0]) == {0, 1, 2}  # every part of the set has records of every file
    assert all_seen(data) == sorted((shade(label, number), label) for label in range(3) for number in range(10))


def test_the_order_is_a_function_of_seed_and_epoch(shards: str) -> None:
    def epoch(pipeline: Pipeline, number: int) -> list[int]:
        pipeline.on_epoch_begin(number)
        return [round(float(picture.max()) * 255) for x, _ in pipeline.dataset for picture in x.numpy()]

    data = tfrecord.load(shards, size=(4, 4))
    whole = Pipeline(data.train, 4, seed=3)
    orders = [epoch(whole, number) for number in range(3)]
    assert len({tuple(one) for one in orders}) == 3
    assert all(sorted(one) == sorted(shade for shade, _ in seen(data.train)) for one in orders)
    again = Pipeline(tfrecord.load(shards, size=(4, 4)).train, 4, seed=3)
    assert epoch(again, 2) == orders[2]
    x, _ = again.batch(again.order(tf.constant(1, tf.int64)), tf.constant(3))
    assert [round(float(picture.max()) * 255) for picture in x.numpy()] == orders[1][12:16]


def test_records_that_are_kept_in_memory_are_the_same(shards: str) -> None:
    data = tfrecord.load(shards, size=(4, 4))
    kept = in_memory(data)
    assert kept.train.x.shape == (22, 4, 4, 3)
    assert kept.train.x.dtype == "uint8"
    assert (kept.train.read, kept.train.decode) == (None, None)
    assert all_seen(kept) == all_seen(data)


def test_the_index_is_made_once(shards: str, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tfrecord.load(shards, size=(4, 4))
    assert len(list(own_cache.iterdir())) == 3
    monkeypatch.setattr(shard, "records", None)  # whoever looked through a file now would fail
    again = tfrecord.load(shards, size=(8, 8), seed=1)
    assert again.digest == first.digest
    assert all_seen(again) == all_seen(first)


def test_a_file_that_has_changed_is_looked_through_again(shards: str, tmp_path: Path, own_cache: Path) -> None:
    first = tfrecord.load(shards, size=(4, 4))
    records(tmp_path / "x.tfrecord-1", range(10, 14))
    second = tfrecord.load(shards, size=(4, 4))
    assert len(list(own_cache.iterdir())) == 4
    assert second.digest != first.digest
    numbers = [*range(4), *range(7, 14)]
    assert all_seen(second) == sorted((shade(label, number), label) for label in range(3) for number in numbers)


def test_an_index_that_is_damaged_is_made_anew(shards: str, own_cache: Path) -> None:
    first = tfrecord.load(shards, size=(4, 4))
    for number, file in enumerate(sorted(own_cache.iterdir())):
        file.write_bytes(file.read_bytes()[: number * 100])
    assert tfrecord.load(shards, size=(4, 4)).digest == first.digest


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(shards: str, own_cache: Path) -> None:
    own_cache.parent.write_text("a file where the folder should be")
    assert len(tfrecord.load(shards, size=(4, 4)).train) == 22


def test_other_features_have_an_index_of_their_own(tmp_path: Path) -> None:
    file = records(tmp_path / "a.tfrecord")
    tfrecord.load(str(file), size=(4, 4))
    with pytest.raises(UsageError, match="'picture'"):
        tfrecord.load(str(file), size=(4, 4), image_key="picture")


def test_the_checksum_of_a_length_is_that_of_the_format(tmp_path: Path) -> None:
    header = records(tmp_path / "a.tfrecord", range(1)).read_bytes()[:12]
    length, checksum = struct.unpack("<QI", header)
    assert framing.masked_crc(struct.pack("<Q", length)) == checksum


@pytest.mark.parametrize(
    ("place", "skipped", "why"),
    [
        (lambda begin: begin + 40, 1, "its checksum does not fit its content"),
        (lambda begin: begin + 3, 4, "its length is damaged"),
    ],
)
def test_a_broken_record_is_named_or_skipped(
    shards: str, tmp_path: Path, place: Callable[[int], int], skipped: int, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "x.tfrecord-1"
    begin = begins(file)[5]
    changed(file, place(begin))
    with pytest.raises(UsageError, match=rf"x\.tfrecord-1, record 6 at byte {begin:,} \({why}.*data\.on_bad=skip"):
        tfrecord.load(shards, size=(4, 4))
    data = tfrecord.load(shards, size=(4, 4), on_bad="skip")
    assert len(all_seen(data)) == 30 - skipped
    (said,) = data.skipped
    assert said.startswith(f"{file}, record 6 at byte {begin:,} ({why}")
    assert len([one for one in caplog.records if "skipped" in one.message]) == 1


def test_what_is_not_an_example_or_not_a_picture_is_skipped_too(tmp_path: Path) -> None:
    file = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(file)) as writer:
        for number in range(30):
            writer.write(record(png(number), number % 3))
        writer.write(b"no example")
        writer.write(record(png(1)[:-20], 1))
    data = tfrecord.load(str(file), size=(4, 4), on_bad="skip")
    assert len(all_seen(data)) == 30
    assert ["record 31" in data.skipped[0], "record 32" in data.skipped[1]] == [True, True]
    assert ["not of tf.train.Example" in data.skipped[0], "its picture" in data.skipped[1]] == [True, True]


def test_nothing_that_is_whole_is_refused_also_when_skipping(tmp_path: Path) -> None:
    file = tmp_path / "a.tfrecord"
    file.write_bytes(b"not a record, but some bytes all the same")
    with pytest.raises(UsageError, match="none is left"):
        tfrecord.load(str(file), on_bad="skip")


def test_a_compressed_file_is_refused(tmp_path: Path) -> None:
    file = str(tmp_path / "a.tfrecord")
    with tf.io.TFRecordWriter(file, tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
        writer.write(record(png(1), 1))
    with pytest.raises(UsageError, match=r"a\.tfrecord: is compressed; unpack it"):
        tfrecord.load(file)


def test_a_record_that_changes_while_it_is_trained_on_is_named(shards: str, tmp_path: Path) -> None:
    data = tfrecord.load(shards, size=(4, 4))
    file = tmp_path / "x.tfrecord-2"
    changed(file, begins(file)[0] + 40)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"x\.tfrecord-2: the record at byte 0 has changed"):
        all_seen(data)


def test_more_files_than_may_be_open_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfmlflow.data.records.reader.OPEN", 2)
    for number in range(10):
        records(tmp_path / f"{number}.tfrecord", range(number, number + 1))
    before = len([*Path("/proc/self/fd").iterdir()])
    data = tfrecord.load(str(tmp_path / "*.tfrecord"), size=(4, 4))
    assert len(all_seen(data)) == 30
    assert len([*Path("/proc/self/fd").iterdir()]) <= before + 2


def test_a_file_is_read_to_the_end_though_another_thread_puts_it_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tfmlflow.data.records.reader.OPEN", 2)
    files = [tmp_path / str(number) for number in range(10)]
    for number, file in enumerate(files):
        file.write_bytes(bytes([number]) * 1000)
    places = np.array([(number, 0, 1000, zlib.crc32(file.read_bytes())) for number, file in enumerate(files)])
    reader, before = Reader(files), sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads change in the middle of things
    try:
        with ThreadPoolExecutor(8) as pool:
            orders = [np.random.default_rng(number).permutation(10) for number in range(1000)]
            read = pool.map(lambda order: reader.read(places[order]), orders)
            for order, rows in zip(orders, read, strict=True):
                assert [row[0] for row in rows] == order.tolist()
    finally:
        sys.setswitchinterval(before)


def test_a_key_takes_notice_of_every_kind_of_change(tmp_path: Path) -> None:
    examples = tfrecord.Examples("image", "label", 3)
    file = records(tmp_path / "a.tfrecord")
    key, times = cache.key(file, examples), file.stat().st_mtime_ns
    os.utime(file, ns=(times, times))
    assert cache.key(file, examples) == key
    changed(file, 20)
    os.utime(file, ns=(times, times))
    assert cache.key(file, examples) != key


@pytest.mark.slow
@pytest.mark.usefixtures("ready_store")
def test_a_run_counts_and_lists_what_was_skipped(shards: str, tmp_path: Path, train: Command) -> None:
    file = tmp_path / "x.tfrecord-0"
    begin = begins(file)[2]
    changed(file, begin + 40)
    arguments = ("data=tfrecord", f"data.path='{shards}'", "data.size=[4,4]", "model=mlp", "trainer.epochs=1")
    done = train(*arguments)
    assert done.returncode == 2
    assert f"record 3 at byte {begin}" in done.stderr
    done = train(*arguments, "data.on_bad=skip")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("are skipped") == 1
    made = stores.only_run(tmp_path)
    assert made.data.tags["tfmlflow.skipped"] == "1"
    assert f"{file}, record 3 at byte {begin}" in stores.text(tmp_path, made.info.run_id, "data/skipped.txt")


LIMITED = """
    import os, resource, sys
    if resource.getrlimit(resource.RLIMIT_STACK)[0] != 1 << 20:  # a thread's stack counts as memory in whole
        resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
        os.execv(sys.executable, [sys.executable, *sys.argv])
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])  # what is read ahead grows with the processors
    import keras
    from tfmlflow.data.pipeline import Pipeline
    from tfmlflow.datasets import tfrecord

    def load(path):
        return tfrecord.load(path, size=(4, 4))

    few, whole, limit = *sys.argv[1:3], int(sys.argv[3])
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(Pipeline(load(few).train, 16, 0).dataset, verbose=0)  # threads and graphs are there

    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    most = int(status["VmData"].split()[0]) * 1024 + limit
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    data = load(whole)
    model.fit(Pipeline(data.train, 16, 0).dataset, epochs=2, verbose=0)
    try:
        held = open(whole, "rb").read()
    except MemoryError:  # the limit is one
        print("trained", len(data.train))
"""
LIMIT = 64 << 20  # bytes


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A set of four times the limit, and a part of it."""
    folder, padding = tmp_path_factory.mktemp("large"), os.urandom(1 << 17)
    for name, count in (("few", 64), ("whole", 4 * LIMIT // len(padding))):
        with tf.io.TFRecordWriter(str(folder / f"{name}.tfrecord")) as writer:
            for number in range(count):
                example = tf.train.Example.FromString(record(png(number % 200), number % 3))
                example.features.feature["padding"].bytes_list.value.append(padding)
                writer.write(example.SerializeToString())
    return str(folder / "few.tfrecord"), str(folder / "whole.tfrecord")


@pytest.mark.slow
def test_a_set_of_four_times_the_memory_is_trained(large: tuple[str, str], tmp_path: Path) -> None:
    few, whole = large
    assert Path(whole).stat().st_size >= 4 * LIMIT
    script = tmp_path / "limited.py"
    script.write_text(textwrap.dedent(LIMITED))
    environment = {**quiet(), "MALLOC_ARENA_MAX": "2", "PYTHONPATH": str(ROOT)}
    done = run(str(script), few, whole, str(LIMIT), cwd=tmp_path, fresh=True, **environment)
    assert done.stdout.splitlines()[-1:] == ["trained 1474"], (done.returncode, done.stderr[-2000:])
