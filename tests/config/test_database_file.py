"""A store that is no database is named before anything waits for it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.conftest import run
from tfmlflow.config import database_file


def made(file: Path) -> Path:
    """A database with a table and some rows."""
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE runs (name TEXT)")
        connection.executemany("INSERT INTO runs VALUES (?)", [("x" * 100,)] * 500)
    connection.close()
    return file


def test_a_database_is_one_and_so_is_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert database_file.problem(f"sqlite:///{made(tmp_path / 'a b.db')}") is None
    assert database_file.problem(f"sqlite:///{tmp_path / 'new.db'}") is None
    (tmp_path / "empty.db").touch()
    assert database_file.problem(f"sqlite:///{tmp_path / 'empty.db'}?timeout=5") is None


def test_one_that_is_locked_is_not_called_damaged(tmp_path: Path) -> None:
    file = made(tmp_path / "a.db")
    with sqlite3.connect(file, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert database_file.problem(f"sqlite:///{file}") is None
    other.close()


def test_what_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("not a database")
    assert "no SQLite database" in str(database_file.problem(f"sqlite:///{tmp_path / 'notes.db'}"))
    file = made(tmp_path / "a.db")
    content = bytearray(file.read_bytes())
    content[100:4096] = b"\xff" * 3996
    file.write_bytes(content)
    assert "damaged" in str(database_file.problem(f"sqlite:///{file}"))
    assert "a folder" in str(database_file.problem(f"sqlite:///{tmp_path}"))


@pytest.mark.slow
@pytest.mark.parametrize("command", [("train",), ("runs",), ("compare", "--experiment", "digits")])
def test_every_command_refuses_it_and_leaves_it_alone(tmp_path: Path, command: tuple[str, ...]) -> None:
    file = tmp_path / "notes.db"
    file.write_text("not a database")
    done = run("-m", "tfmlflow", *command, cwd=tmp_path, MLFLOW_TRACKING_URI=f"sqlite:///{file}")
    assert done.returncode in (1, 2)
    assert "it is no SQLite database" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert file.read_text() == "not a database"
    assert {path.name for path in tmp_path.iterdir()} <= {"notes.db", "spool"}
