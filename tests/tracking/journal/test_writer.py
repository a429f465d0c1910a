"""The journal on the disk: soon, whole, and at next to no cost for who writes to it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.tracking.journal.samples import RECORDS, all_same, encoded, points
from tfmlflow.tracking.journal import format, reader
from tfmlflow.tracking.journal.records import Missing, Params, Points, Record, Tags
from tfmlflow.tracking.journal.spool import Spool
from tfmlflow.tracking.journal.writer import Journal


def read(file: Path) -> list[Record]:
    return [record for _, record in reader.read(file)]


def waited(file: Path, count: int, seconds: float) -> float:
    began = time.monotonic()
    while len(read(file)) < count:
        assert time.monotonic() - began < seconds
        time.sleep(0.01)
    return time.monotonic() - began


def test_records_are_on_the_disk_within_a_second_although_nobody_says_so(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    for i in range(1, 4):
        journal.put(points("a", [i], first=i))
        waited(tmp_path / "journal", i, 1.0)
    assert journal.close()


def test_soon_does_not_wait_itself_and_is_sooner_than_the_interval(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    time.sleep(0.1)
    journal.put(Tags({"a": "b"}))
    began = time.perf_counter()
    journal.soon()
    assert time.perf_counter() - began < 0.01
    assert waited(tmp_path / "journal", 1, 1.0) < 0.35
    journal.close()


def test_flush_and_close_leave_nothing_behind(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    journal = Journal(tmp_path / "journal")
    journal.put(Tags({"a": "1"}))
    assert journal.flush()
    assert read(tmp_path / "journal") == [Tags({"a": "1"})]
    assert journal.length == (tmp_path / "journal").stat().st_size
    journal.put(Tags({"a": "2"}))
    assert journal.close()
    assert read(tmp_path / "journal") == [Tags({"a": "1"}), Tags({"a": "2"})]
    assert {path.name for path in tmp_path.iterdir()} == {"journal", "essentials"}  # the reserve is given back
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name == "tfmlflow-journal"]


@pytest.mark.parametrize("torn", [1, 5, 13, 40])
def test_a_writer_goes_on_after_the_torn_tail_of_one_that_died(tmp_path: Path, torn: int) -> None:
    file = tmp_path / "journal"
    whole = format.HEADER + b"".join(encoded(*RECORDS))
    file.write_bytes(whole + format.encode(points("torn"))[:torn])
    journal = Journal(file)
    assert journal.length == len(whole)
    journal.put(Tags({"further": "yes"}))
    assert journal.close()
    assert all_same(read(file), [*RECORDS, Tags({"further": "yes"})])
    assert file.stat().st_size == len(whole) + len(format.encode(Tags({"further": "yes"})))


def test_a_killed_writer_loses_no_more_than_its_last_second(tmp_path: Path) -> None:
    program = (
        "import sys, time, pathlib, numpy as np\n"
        "from tfmlflow.tracking.journal.writer import Journal\n"
        "from tfmlflow.tracking.journal.records import Points\n"
        "journal, step = Journal(pathlib.Path(sys.argv[1])), 0\n"
        "while True:\n"
        "    step += 1\n"
        "    journal.put(Points('a', np.array([step]), np.array([time.time_ns() // 1_000_000]), np.array([0.5])))\n"
        "    if step == 1: print('begun', flush=True)\n"
        "    time.sleep(0.001)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "journal")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(2)
        killed = time.time()
        process.kill()
    records = [record for record in read(tmp_path / "journal") if isinstance(record, Points)]
    assert [int(record.steps[0]) for record in records] == list(range(1, len(records) + 1))
    assert killed - records[-1].times[0] / 1000 < 1.0


def test_several_processes_write_to_one_spool_at_once(tmp_path: Path) -> None:
    program = (
        "import sys, time, pathlib, numpy as np\n"
        "from tfmlflow.tracking.journal.spool import Spool\n"
        "from tfmlflow.tracking.journal.writer import Journal\n"
        "from tfmlflow.tracking.journal.records import Points\n"
        "key = sys.argv[1]\n"
        "journal = Journal(Spool.here().open(key, 'sqlite:///x').journal)\n"
        "for step in range(20_000):\n"
        "    journal.put(Points(key, np.array([step]), np.array([step + 1]), np.array([step / 7])))\n"
        "sys.exit(not journal.close())\n"
    )
    environment = {**os.environ, "TFMLFLOW_SPOOL": str(tmp_path / "spool")}
    keys = [f"run{i}" for i in range(4)]
    processes = [
        subprocess.Popen([sys.executable, "-c", program, key], cwd=ROOT, env=environment, stderr=subprocess.PIPE)
        for key in keys
    ]
    for process in processes:
        assert process.communicate(timeout=120)[1] == b""
        assert process.returncode == 0
    folders = {folder.key: folder for folder in Spool(tmp_path / "spool").runs()}
    assert sorted(folders) == keys
    for key, folder in folders.items():
        records = [record for record in read(folder.journal) if isinstance(record, Points)]
        assert {record.key for record in records} == {key}
        steps = np.concatenate([record.steps for record in records])
        np.testing.assert_array_equal(steps, np.arange(20_000))
        np.testing.assert_array_equal(np.concatenate([record.values for record in records]), np.arange(20_000) / 7)


def test_threads_lose_nothing_between_a_put_and_a_flush(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")

    def put(name: str) -> None:
        for i in range(5000):
            journal.put(points(name, [i], first=i))
            if i % 50 == 0:
                journal.flush()

    threads = [threading.Thread(target=put, args=(f"t{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.close()
    found: dict[str, list[int]] = {}
    for record in read(tmp_path / "journal"):
        assert isinstance(record, Points)
        found.setdefault(record.key, []).append(int(record.steps[0]))
    assert found == {f"t{i}": list(range(5000)) for i in range(4)}


def test_what_a_record_costs_the_training(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    records = [points("batch/loss", [0.5], first=i) for i in range(50_000)]
    began = time.perf_counter()
    for record in records:
        journal.put(record)
    cost = (time.perf_counter() - began) / len(records)
    journal.close()
    assert cost < 20e-6, f"{1e6 * cost:.1f} µs"


@pytest.mark.parametrize("wrong", [Params({"a": object()}), points("a\udcff")], ids=["json", "key"])  # type: ignore[dict-item]
def test_a_record_that_cannot_be_written_costs_itself_alone(tmp_path: Path, wrong: Record) -> None:
    journal = Journal(tmp_path / "journal")
    for record in (Tags({"a": "before"}), wrong, Tags({"a": "after"})):
        journal.put(record)
    time.sleep(0.8)
    journal.put(Tags({"a": "later"}))
    time.sleep(0.8)
    found = read(tmp_path / "journal")
    journal.close()
    missing = found.pop(1)
    assert isinstance(missing, Missing)
    assert type(wrong).__name__ in missing.what
    assert found == [Tags({"a": "before"}), Tags({"a": "after"}), Tags({"a": "later"})]


def test_a_sign_of_life_comes_now_and_then(tmp_path: Path) -> None:
    beats: list[float] = []
    journal = Journal(tmp_path / "journal", on_beat=lambda: beats.append(time.monotonic()))
    os.utime(tmp_path / "journal", (1, 1))
    time.sleep(6.2)
    journal.close()
    assert len(beats) == 1
    assert time.time() - (tmp_path / "journal").stat().st_mtime < 10
