"""The spool: whose it is, where it is, and what is in it for how long."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.tracking.journal.samples import points
from tfmlflow import whole_file
from tfmlflow.errors import UsageError
from tfmlflow.tracking.journal.spool import VARIABLE, Spool, identity
from tfmlflow.tracking.journal.writer import Journal
from tfmlflow.tracking.run.outbox import Outbox

URI = "sqlite:///x.db"
DAY = 24 * 3600


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spool:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "spool"))
    return Spool.here()


def others(root: Path) -> dict[str, str]:
    """What somebody else could read, write or enter."""
    return {
        str(path.relative_to(root)): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in (root, *root.rglob("*"))
        if stat.S_IMODE(path.lstat().st_mode) & 0o077
    }


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_everything_is_for_its_owner_alone(spool: Spool, mask: int) -> None:
    before = os.umask(mask)
    try:
        folder = spool.open("a" * 32, URI)
        journal = Journal(folder.journal)
        journal.put(points())
        journal.flush()
        whole_file.write(folder.cursor, "{}")
        folder.mark_delivered(1)
        outbox = Outbox("b" * 32, URI)
        assert others(spool.root) == {}
        outbox.close()
        journal.close()
    finally:
        os.umask(before)


def test_a_folder_that_others_could_read_is_closed_to_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "spool"
    root.mkdir(mode=0o777)
    root.chmod(0o777)
    monkeypatch.setenv(VARIABLE, str(root))
    Spool.here()
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "key", ["../../outside", "..", ".", "/etc/x", "a/b", "a\\b", "", "\x00", "x" * 500, "ключ", "../" * 50, "a b\n"]
)
def test_keys_that_lead_elsewhere_stay_inside(spool: Spool, key: str) -> None:
    folder = spool.open(key, URI)
    assert folder.path.resolve().parent == (spool.root / "runs").resolve()
    assert folder.path.is_dir()
    assert {path.name for path in spool.root.parent.iterdir()} == {"spool"}
    assert [found.key for found in spool.runs()] == [folder.key]


def test_it_lies_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "there" / "spool"))
    assert Spool.here().root == tmp_path / "there" / "spool"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "here")
    assert Spool.here().root == tmp_path / "here"
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert Spool.here().root == tmp_path / "state" / "tfmlflow" / "spool"


@pytest.mark.parametrize("why", ["a file in its place", "a file above it", "somebody else's"])
def test_one_that_cannot_be_written_is_replaced_by_one_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, why: str
) -> None:
    root = tmp_path / "spool"
    if why == "somebody else's":
        if os.getuid() != 0:
            pytest.skip("only root can give a folder away")
        root.mkdir()
        os.chown(root, 12345, 12345)
    else:
        root.write_text("")
        root = root / "below" if why == "a file above it" else root
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv(VARIABLE, str(root))
    found = Spool.here()
    assert found.root.parent == tmp_path / "temporary"
    assert found.open("a", URI).path.is_dir()
    assert str(root) in caplog.text
    assert VARIABLE in caplog.text


def test_two_writers_of_one_run_have_two_folders(spool: Spool) -> None:
    program = (
        "import sys\n"
        "from tfmlflow.tracking.run.outbox import Outbox\n"
        f"outbox = Outbox('a' * 32, {URI!r})\n"
        "print(outbox.folder.key, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "a" * 32
        second, third = Outbox("a" * 32, URI), Outbox("a" * 32, URI)
        assert [second.folder.key, third.folder.key] == ["a" * 32 + "-2", "a" * 32 + "-3"]
        other.kill()
    fourth = Outbox("a" * 32, URI)  # the first one's writer is dead
    assert fourth.folder.key == "a" * 32
    for outbox in (second, third, fourth):
        outbox.close()


def delivered(spool: Spool, key: str, age: float) -> Path:
    folder = spool.open(key, URI)
    journal = Journal(folder.journal)
    journal.put(points())
    journal.close()
    folder.mark_delivered(folder.journal.stat().st_size)
    when = time.time() - age
    os.utime(folder.path / "delivered", (when, when))
    return folder.path


def test_what_was_delivered_a_day_ago_is_deleted_and_nothing_else(spool: Spool) -> None:
    old, fresh = delivered(spool, "old", DAY + 60), delivered(spool, "fresh", DAY - 60)
    grown = delivered(spool, "grown", 9 * DAY)
    journal = Journal(grown / "journal")
    journal.put(points("more"))
    journal.close()
    waiting = delivered(spool, "waiting", 9 * DAY)
    (waiting / "delivered").unlink()
    empty = spool.open("empty", URI).path
    for path in (grown, waiting, empty):
        os.utime(path, (1, 1))
    spool.clean()
    assert {path.name for path in (spool.root / "runs").iterdir()} == {p.name for p in (fresh, grown, waiting, empty)}
    assert not old.exists()


def test_runs_are_those_of_their_store_the_oldest_first(spool: Spool) -> None:
    for age, (key, uri) in enumerate([("c", "http://me:secret@host"), ("b", URI), ("a", "http://host")]):
        os.utime(spool.open(key, uri).path, (100 - age, 100 - age))
    assert [folder.key for folder in spool.runs()] == ["a", "b", "c"]
    assert [folder.key for folder in spool.runs("http://you:other@host")] == ["a", "c"]
    assert [folder.key for folder in spool.runs(URI)] == ["b"]
    assert list(Spool(spool.root / "nothing").runs()) == []


def test_a_stores_name_does_not_hold_its_address() -> None:
    assert identity("http://me:secret@host") == identity("http://host") != identity("http://host:5000")
    assert len(identity("x" * 5000)) == 16


@pytest.mark.parametrize("content", ["", "{", "nonsense", "\x00" * 40])
def test_a_small_file_that_is_damaged_is_none(spool: Spool, content: str) -> None:
    folder = spool.open("a", URI)
    folder.cursor.write_text(content)
    (folder.path / "delivered").write_text(content)
    assert whole_file.read(folder.cursor) == {}
    assert not folder.delivered


def test_those_who_look_find_every_spool_with_runs_and_make_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "spool"))
    other = Spool.temporary()
    assert [spool.root for spool in Spool.all()] == [tmp_path / "spool"]
    assert list(tmp_path.iterdir()) == []
    other.ready()
    assert [spool.root for spool in Spool.all()] == [tmp_path / "spool"]  # there are no runs in it
    other.open("a", URI)
    assert [spool.root for spool in Spool.all()] == [tmp_path / "spool", other.root]
    monkeypatch.setenv(VARIABLE, str(other.root))
    assert [spool.root for spool in Spool.all()] == [other.root]


def test_one_that_can_only_be_read_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "spool"))
    Spool.here().open("a", URI)

    def refuse(self: Spool) -> Spool:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Spool, "ready", refuse)
    assert [[run.key for run in spool.runs()] for spool in Spool.all()] == [["a"]]


@pytest.mark.parametrize("why", ["it is no folder", "it belongs to somebody else", "Not a directory"])
def test_one_that_is_not_this_users_is_never_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, why: str
) -> None:
    """Neither the chosen one nor, in a folder where everybody may write, one of the name of ours."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "spool"))
    other = Spool.temporary()
    for root in (tmp_path / "spool", other.root):
        (tmp_path / "theirs" / "runs" / "a").mkdir(parents=True, exist_ok=True)
        root.parent.mkdir(exist_ok=True)
        if why == "it belongs to somebody else":
            if os.getuid() != 0:
                pytest.skip("only root can give a folder away")
            Spool(root).open("a", URI)
            os.chown(root, 12345, 12345)
        elif root == other.root:
            root.symlink_to(tmp_path / "theirs")
        elif why == "Not a directory":
            root.mkdir()
            (root / "runs").write_text("")
        else:
            root.write_text("")
    with pytest.raises(UsageError, match=why) as caught:
        Spool.all()
    assert VARIABLE in str(caught.value)
    other.root.unlink() if other.root.is_symlink() else shutil.rmtree(other.root)
    other.ready().open("a", URI)
    assert [spool.root for spool in Spool.all()] == [other.root]
    assert why in caplog.text
