"""What makes a job another one than before: its config, its code, and the files that it trains on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tfmlflow.job import fingerprint as made
from tfmlflow.job.fingerprint import fingerprint


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data, in which a job is started."""
    (tmp_path / "pictures" / "cats").mkdir(parents=True)
    (tmp_path / "pictures" / "cats" / "1.png").write_bytes(b"cat")
    for name in ("houses.csv", "a.tfrecord", "b.tfrecord", "csv"):
        (tmp_path / name).write_text("1,2\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mark(path: Any = "houses.csv", **data: Any) -> str:
    """As a process that starts now has it."""
    for cached in (made._file, made._folder, made._pattern):
        cached.cache_clear()
    return fingerprint({"seed": 1, "data": {"name": "csv", "path": path, **data}}, "code")


def rows(folder: Path) -> None:
    (folder / "houses.csv").write_text("1,2\n3,4\n")


def one_row(folder: Path) -> None:
    """Another one as long as before, in the same moment."""
    before = (folder / "houses.csv").stat()
    (folder / "houses.csv").write_text("9,2\n")
    os.utime(folder / "houses.csv", ns=(before.st_atime_ns, before.st_mtime_ns))


def further(folder: Path) -> None:
    (folder / "pictures" / "dogs").mkdir()
    (folder / "pictures" / "dogs" / "1.png").write_bytes(b"dog")


def record(folder: Path) -> None:
    (folder / "c.tfrecord").write_text("1,2\n")


def longer(folder: Path) -> None:
    (folder / "b.tfrecord").write_text("1,2\n" * 2)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("houses.csv", rows),
        ("houses.csv", one_row),
        ("pictures", further),
        ("*.tfrecord", record),
        ("*.tfrecord", longer),
        (["a.tfrecord", "houses.csv"], rows),
        ({"train": {"files": "./houses.csv"}}, rows),
        (".", rows),
    ],
)
def test_data_that_changed_is_another_job(here: Path, path: Any, change: Callable[[Path], None]) -> None:
    """Once data.path=houses.csv with new rows took the results of the old ones."""
    before = mark(path)
    assert mark(path) == before
    change(here)
    assert mark(path) != before


def test_data_that_is_the_same_is_the_same_job(here: Path) -> None:
    before = mark(), mark("pictures"), mark("*.tfrecord"), mark(".")
    os.utime(here / "houses.csv", (1, 1))  # as a fresh copy
    (here / "csv").write_text("the name of a dataset is no file")
    (here / "pictures" / ".DS_Store").write_text("hidden")
    after = mark(), mark("pictures"), mark("*.tfrecord")
    assert after == before[:3]


def test_what_trainings_write_beside_the_data_is_no_data(here: Path) -> None:
    before = mark(".")
    for name in ("outputs/1/train.log", "mlruns/1/a", "grid1/sweep.json", "job/.hydra/config.yaml", "mlflow.db"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text("1")
    assert mark(".") == before


def test_a_large_file_is_told_by_size_and_time(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "READ", 2)
    before = mark()
    assert mark() == before
    os.utime(here / "houses.csv", (1, 1))
    assert mark() != before


@pytest.mark.parametrize(
    "path", ["", "no.csv", "no*.csv", "https://host/houses.csv", "x" * 5000, "a\0b", "/", None, 3, "houses.csv/x"]
)
def test_what_names_nothing_adds_nothing(path: Any) -> None:
    what = {"seed": 1, "data": {"name": "csv", "path": path}}
    assert list(made._states(what["data"])) == []
    assert len(fingerprint(what, "code")) == 32


def test_a_file_is_read_once_for_all_jobs_of_a_sweep(here: Path) -> None:
    (here / "houses.csv").write_bytes(os.urandom(32 * 2**20))
    first = mark()
    began = time.perf_counter()
    for seed in range(200):
        fingerprint({"seed": seed, "data": {"name": "csv", "path": "houses.csv"}}, "code")
    assert time.perf_counter() - began < 1.0
    assert made._file.cache_info().misses == 1
    assert mark() == first
