"""What counts as the code of a training: a run is found again by it, and a sweep."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tfmlflow.tracking.provenance import patch, provenance, scripts

GIT = ("git", "-c", "user.name=n", "-c", "user.email=e@x", "-c", "commit.gpgsign=false")
Code = Callable[..., str]


def git(folder: Path, *words: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*GIT, *words], cwd=folder, check=check, text=True, **options)


@pytest.fixture
def code(tmp_path: Path) -> Code:
    """Names the code of a repository with a program, a document and data."""
    for name in ("train.py", "notes.md", "rows.csv"):
        (tmp_path / name).write_text("one\n")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "first")):
        git(tmp_path, *words)
    return lambda folder=tmp_path: code_of(folder)


@pytest.mark.parametrize("new", ["report.html", "notes2.md", "curves.png", "look.ipynb", "a.log", "notes.rst"])
@pytest.mark.parametrize("dirty", [False, True], ids=["clean", "dirty"])
def test_what_is_written_beside_the_code_does_not_change_it(code: Code, tmp_path: Path, new: str, dirty: bool) -> None:
    if dirty:
        (tmp_path / "train.py").write_text("two\n")
    before = code()
    (tmp_path / new).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / new).write_text("new\n")
    assert code() == before


@pytest.mark.parametrize(
    "changed", ["train.py", "notes.md", "rows.csv", "mine.py", "conf/model/own.yaml", "new.csv", "texts/new.md"]
)
def test_code_and_data_do(code: Code, tmp_path: Path, changed: str) -> None:
    before = code()
    (tmp_path / changed).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / changed).write_text("two\n")
    assert code() != before


def write(folder: Path, *names: str, content: str = "{}") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def a_sweep(folder: Path) -> None:
    """As it leaves its folder, wherever that is."""
    report = '{"status": "FINISHED", "run_id": "r", "seconds": 1}'
    write(folder, "sweep.json", content='{"sweep": "s", "source": "."}')
    write(folder, "multirun.yaml", "0/.hydra/config.yaml", "1/notes.txt", content="seed: 1\n")
    write(folder, "0/run.json", "1/run.json", content=report)


@pytest.mark.parametrize("where", ["grid1", "sub/multirun/2026-01-01", "sub/outputs"])
@pytest.mark.parametrize("dirty", [False, True], ids=["clean", "dirty"])
def test_the_folder_of_a_sweep_is_no_code_wherever_it_is(code: Code, tmp_path: Path, where: str, dirty: bool) -> None:
    """Once a sweep with hydra.sweep.dir=grid1 was never recognised again."""
    if dirty:
        (tmp_path / "train.py").write_text("two\n")
    write(tmp_path, "sub/notes.csv")
    before, there = code(), code(tmp_path / "sub")
    a_sweep(tmp_path / where)
    write(tmp_path, "sub/mlruns/1/meta.yaml", "sub/mlartifacts/1/a.txt", "sub/mlflow.db")
    assert code() == before
    assert code(tmp_path / "sub") == there
    patch.of.cache_clear()
    assert str(where) not in patch.of(str(tmp_path)).text


@pytest.mark.parametrize("name", ["my_pkg/run.json", "my_pkg/sweep.json"])
def test_a_file_of_somebodys_own_hides_no_code_beside_it(code: Code, tmp_path: Path, name: str) -> None:
    write(tmp_path, name, content='{"title": "mine"}')
    before = code()
    write(tmp_path, "my_pkg/net.py", content="two\n")
    assert code() != before


def test_the_spool_is_no_code(code: Code, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = code()
    monkeypatch.setenv("TFMLFLOW_SPOOL", str(tmp_path / "waiting"))
    write(tmp_path, "waiting/runs/r/cursor")
    assert code() == before


def test_outside_a_repository_scripts_below_the_programs_are_code_too(tmp_path: Path) -> None:
    """Once an edit of my_pkg/net.py was not seen, and jobs of the code before were taken for finished."""
    write(tmp_path, "train.py", "my_pkg/net.py", "my_pkg/a/b/c/d/deep.py", content="one\n")

    def changes(*names: str) -> list[str]:
        before, changing = scripts.digest(str(tmp_path)), []
        for name in names:
            write(tmp_path, name, content="two\n")
            now = scripts.digest(str(tmp_path))
            changing += [name] if now != before else []
            before = now
        return changing

    assert provenance.code(str(tmp_path)) == scripts.digest(str(tmp_path))
    code = ("train.py", "my_pkg/net.py", "my_pkg/a/b/c/d/deep.py", "my_pkg/new.py", "other/outputs/layer.py")
    assert changes(*code) == [*code]
    write(tmp_path, "env/pyvenv.cfg", "models/m/MLmodel", content="")
    a_sweep(tmp_path / "grid1")
    others = ("env/lib/x.py", ".venv/x.py", "my_pkg/__pycache__/x.py", "node_modules/x.py", "lib/site-packages/x.py")
    written = ("models/m/code/x.py", "outputs/x.py", "sub/mlruns/x.py", "grid1/0/x.py", "a/b/c/d/e/f/too_deep.py")
    assert changes(*others, *written, "rows.csv") == []
    named = scripts.digest(str(tmp_path))
    (tmp_path / "my_pkg" / "net.py").rename(tmp_path / "my_pkg" / "net2.py")
    assert scripts.digest(str(tmp_path)) != named


SETTINGS = {
    "color.ui": "always",
    "color.diff": "always",
    "diff.external": "{script}",
    "diff.noprefix": "true",
    "diff.mnemonicPrefix": "true",
    "diff.relative": "true",
    "diff.context": "0",
    "diff.renames": "copies",
    "diff.conf.command": "{script}",
    "diff.conf.textconv": "{script}",
}


@pytest.mark.parametrize("chosen", [*SETTINGS, "environment", "all"])
def test_whatever_somebody_has_set_for_git_no_secret_leaves_and_the_patch_can_be_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    """Once a patch in colours had no line that was known for content, and left as it was."""
    script, folder = tmp_path / "show", tmp_path / "project"
    script.write_text('#!/bin/sh\necho "as I like it: $*"\nfor each; do test -f "$each" && cat "$each"; done\ntrue\n')
    script.chmod(0o755)
    lines = "".join(f"line {number}\n" for number in range(20))
    write(folder, "settings.conf.yaml", "sub/settings.yaml", content="rows: 3\ndb_password: old\n")
    write(folder, "train.py", "moved.py", "sub/twice.py", content=lines)
    write(folder, ".gitattributes", content="*.yaml diff=conf\n")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "first")):
        git(folder, *words)
    for setting, value in SETTINGS.items():
        if chosen in (setting, "all"):
            git(folder, "config", setting, value.format(script=script))
    if chosen in ("environment", "all"):
        monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(script))
        monkeypatch.setenv("GIT_DIFF_OPTS", "--unified=0")
    write(folder, "settings.conf.yaml", "sub/settings.yaml", content="rows: 4\ndb_password: hunter2\n")
    write(folder, "train.py", "sub/twice.py", content=lines.replace("line 9", "line nine"))
    write(folder, "new.yaml", "sub/new.yaml", content="api_key: hunter2\n")
    write(folder, "sub/new.py", content="two\n")
    (folder / "moved.py").rename(folder / "sub" / "moved.py")
    for place in (folder, folder / "sub"):
        patch.of.cache_clear()
        text = patch.of(str(place)).text
        assert "hunter2" not in text
        assert "as I like it" not in text
        assert "\x1b" not in text
        for name in ("settings.conf.yaml", "sub/settings.yaml", "train.py", "sub/twice.py", "moved.py"):
            assert f"diff --git a/{name} b/{name}\n" in text
    patch.of.cache_clear()
    text = patch.of(str(folder)).text
    masked = [f"--exclude={name}" for name in ("settings.conf.yaml", "sub/settings.yaml", "new.yaml", "sub/new.yaml")]
    monkeypatch.delenv("GIT_EXTERNAL_DIFF", raising=False)
    git(folder, "apply", "--check", "-R", *masked, input=text)
    git(tmp_path, "clone", "-q", str(folder), "again")
    git(tmp_path / "again", "apply", *masked, input=text)
    for name in ("train.py", "sub/twice.py", "sub/new.py", "sub/moved.py"):
        assert (tmp_path / "again" / name).read_text() == (folder / name).read_text()
    assert not (tmp_path / "again" / "moved.py").exists()
    differs = code_of(folder)
    write(folder, "train.py", content=lines.replace("line 9", "line ten"))
    assert code_of(folder) != differs


def code_of(folder: Path) -> str:
    for cached in (provenance.commit, provenance._differs):
        cached.cache_clear()
    return provenance.code(str(folder))


def test_a_difference_whose_content_cannot_be_told_is_masked_as_a_whole() -> None:
    assert "hunter2" not in "".join(patch._lines("\x1b[1mdiff\x1b[m\n+db_password: hunter2\n", code=False))


def test_a_patch_keeps_the_line_ends_of_its_files(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_bytes(b"one\r\ntwo\r\nthree\r\n")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "first")):
        git(tmp_path, *words)
    script.write_bytes(b"one\r\n2\r\nthree\r\n")
    patch.of.cache_clear()
    text = patch.of(str(tmp_path)).text
    git(tmp_path, "checkout", "-q", "train.py")
    subprocess.run([*GIT, "apply"], cwd=tmp_path, input=text.encode(), check=True)
    assert script.read_bytes() == b"one\r\n2\r\nthree\r\n"


def test_the_folder_that_one_works_in_has_a_patch_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, mine = tmp_path / "program", tmp_path / "mine"
    for folder in (program, mine):
        write(folder, "net.py", content="UNITS = 16\n")
        for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "first")):
            git(folder, *words)
    write(mine, "net.py", content="UNITS = 24\n")
    patch.of.cache_clear()
    monkeypatch.chdir(mine)
    (file,) = found = patch.of_program(str(program))
    assert file == "environment/working_folder.patch"
    assert "+UNITS = 24" in found[file]
    assert list(patch.of_program(str(mine))) == ["environment/diff.patch"]
