"""What counts as the code of a training: a run is found again by it, and a sweep."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tfmlflow.tracking.provenance import provenance

GIT = ("git", "-c", "user.name=n", "-c", "user.email=e@x", "-c", "commit.gpgsign=false")


@pytest.fixture
def code(tmp_path: Path) -> Callable[[], str]:
    """Names the code of a repository with a program, a document and data."""
    for name in ("train.py", "notes.md", "rows.csv"):
        (tmp_path / name).write_text("one\n")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "first")):
        subprocess.run([*GIT, *words], cwd=tmp_path, check=True)

    def name() -> str:
        for cached in (provenance.commit, provenance._differs):
            cached.cache_clear()
        return provenance.code(str(tmp_path))

    return name


@pytest.mark.parametrize("new", ["report.html", "notes2.md", "curves.png", "look.ipynb", "a.log", "notes.rst"])
@pytest.mark.parametrize("dirty", [False, True], ids=["clean", "dirty"])
def test_what_is_written_beside_the_code_does_not_change_it(
    code: Callable[[], str], tmp_path: Path, new: str, dirty: bool
) -> None:
    if dirty:
        (tmp_path / "train.py").write_text("two\n")
    before = code()
    (tmp_path / new).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / new).write_text("new\n")
    assert code() == before


@pytest.mark.parametrize(
    "changed", ["train.py", "notes.md", "rows.csv", "mine.py", "conf/model/own.yaml", "new.csv", "texts/new.md"]
)
def test_code_and_data_do(code: Callable[[], str], tmp_path: Path, changed: str) -> None:
    before = code()
    (tmp_path / changed).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / changed).write_text("two\n")
    assert code() != before
