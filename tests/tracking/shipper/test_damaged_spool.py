"""Every file of the spool damaged in every way, thousands of times: each run costs itself alone, and nothing is lost
in silence.

Seeded, so that a case that fails can be tried again by its number.
"""

from __future__ import annotations

import os
import random
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tracking.shipper.memory import MemoryStore
from tests.tracking.shipper.spooled import dead_process, points
from tfmlflow.cli.sync import _tell
from tfmlflow.tracking.journal.records import Artifact, Begin, Dataset, End, Model, Params, Tags
from tfmlflow.tracking.journal.run_folder import RunFolder
from tfmlflow.tracking.journal.spool import Spool
from tfmlflow.tracking.journal.writer import Journal
from tfmlflow.tracking.operations import pending
from tfmlflow.tracking.shipper import follower, process, trouble, uploads, watch
from tfmlflow.tracking.shipper.process import Shipper

URI = "http://memory"
CASES = int(os.environ.get("TFMLFLOW_FUZZ", "2000"))
POINTS = 1300
FILES = ("journal", "essentials", "system", "cursor", "store", "delivered", "trouble", "wish", "lock", "files/note.txt")
JUNK = (b"", b"null", b"3", b"[1,2]", b"{}", b'{"journal": "x", "waiting": 5}', b'"text"', b"\x00" * 300, b"{" * 5000)
VICTIM, HEALTHY = "v" * 32, "h" * 32


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        *((follower, "INTERVAL"), (follower, "QUIET"), (watch, "INTERVAL"), (process, "POLL")),
        *((uploads, "PAUSE"), (trouble, "LONGEST"), (trouble, "HURRIED")),
    ):
        monkeypatch.setattr(module, name, 0.0)
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    monkeypatch.setattr("tfmlflow.tracking.journal.history.write", lambda *_: 0)  # a test of its own; slow here


@pytest.fixture(scope="module")
def dead() -> Any:
    return dead_process()


def prepared(root: Path, dead: Any) -> None:
    """What two trainings leave in the spool `root`."""
    (root / "runs").mkdir(parents=True)
    for key in (VICTIM, HEALTHY):
        folder = Spool(root).open(key, URI)
        note, model = folder.files / "note.txt", folder.files / "model-1"
        note.write_text("content")
        model.mkdir()
        (model / "MLmodel").write_text("flavors: {}")
        journal = Journal(folder.journal)
        for record in (
            Begin(URI, "e", "1", key, "name", {}, dead, sampled=False),
            Params({f"p{i}": str(i) for i in range(9)}),
            points("a", np.arange(POINTS - 300.0)),
            Tags({"t": "1"}),
            Dataset("d", "digest", "s", "{}", "{}", "training"),
            Artifact(str(note), "notes"),
            points("b", np.arange(300.0)),
            Model(str(model), "best", 1, {}, 1),
            End("FINISHED", 1),
        ):
            journal.put(record)
        assert journal.close()


class Delivered:
    """A spool with a run to be damaged and a sound one, and a store in memory."""

    def __init__(self, root: Path) -> None:
        self.store, self.spool = MemoryStore(), Spool(root)
        for key in (VICTIM, HEALTHY):
            self.store.add(key)
        self.victim = RunFolder(root / "runs" / VICTIM)

    def deliver(self, rounds: int = 60) -> None:
        """What the shipper does, without its pauses."""
        shipper = Shipper(self.spool, URI, connect=lambda uri: self.store)  # type: ignore[arg-type,return-value]
        shipper._scan()
        if shipper._uploads is None:  # nothing is left
            return
        shipper._uploads.stop()
        for _ in range(rounds):
            shipper._round()
            for one in shipper._followers.values():
                if not one.gone:
                    shipper._uploads._try(one)
            if not shipper._followers:
                break


def damage(rng: random.Random, file: Path) -> str:
    """Damage a file in some way; which."""
    way = rng.choice(("flipped", "truncated", "zeroed", "replaced", "missing", "unreadable", "swapped"))
    content = bytearray(file.read_bytes()) if file.is_file() else bytearray()
    if way == "missing" or (way == "unreadable" and file.name == "note.txt"):
        file.unlink(missing_ok=True)
    elif way == "unreadable":  # root may read everything but a folder
        file.unlink(missing_ok=True)
        file.mkdir()
    elif way == "replaced" or not content:
        file.write_bytes(rng.choice(JUNK) if rng.random() < 0.7 else rng.randbytes(rng.randrange(2000)))
    elif way == "truncated":
        file.write_bytes(content[: rng.randrange(len(content))])
    elif way == "zeroed":
        start = rng.randrange(len(content))
        end = min(len(content), start + rng.randrange(1, 5000))
        content[start:end] = bytes(end - start)
        file.write_bytes(content)
    elif way == "swapped":  # two blocks, as a disk may mix them up
        size = max(1, len(content) // 4)
        content[:size], content[-size:] = content[-size:], content[:size]
        file.write_bytes(content)
    else:
        for _ in range(rng.choice((1, 1, 1, 5, 20))):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        file.write_bytes(content)
    return way


class Silent:
    """A console."""

    def print(self, *_: Any, **__: Any) -> None:
        """Nothing."""


def check(it: Delivered, note_damaged: bool) -> None:
    """The sound run has everything; the damaged one has it, or lacks what is said, or is named as left."""
    healthy, victim = it.store.runs[HEALTHY], it.store.runs[VICTIM]
    items = {item.folder.key: item for item in pending.items(it.spool)}
    assert items[HEALTHY].whole
    assert healthy.status == "FINISHED"
    assert (healthy.count, len(healthy.params), len(healthy.models)) == (POINTS, 9, 1)
    assert "tfmlflow.incomplete" not in healthy.tags
    item = items.get(VICTIM)
    whole = (
        victim.count == POINTS
        and (len(victim.params), victim.tags.get("t"), victim.datasets) == (9, "1", {"digest"})
        and (len(victim.models), victim.artifacts.get("notes/note.txt")) == (1, "content")
    )
    said = victim.tags.get("tfmlflow.incomplete", "")
    code = _tell(Silent(), [one for one in items.values() if not one.whole], set())  # type: ignore[arg-type]
    if victim.status == "FINISHED":
        lost = re.search(r"(up to )?([\d,]+) points?", said)
        known = victim.count + (int(lost[2].replace(",", "")) if lost else 0)
        assert known == POINTS or (lost and lost[1] and known > POINTS), said
        assert whole or said or note_damaged, "lost in silence"
        assert item is None or item.delivered or not item.up_to_date
        assert code == (0 if item is None or item.whole else 1)
    elif victim.status == "FAILED":  # nothing is left that says how it ended
        assert victim.tags["tfmlflow.end_reason"] == "killed"
        assert "gone without a word" in victim.tags["tfmlflow.error"]
    else:  # it is kept, and named
        assert item is not None, "neither delivered nor left"
        assert not item.up_to_date
        assert item.state
        assert code == 1
    assert not it.store.created  # nothing was taken for a new run


def trial(number: int, folder: Path) -> None:
    rng = random.Random(number)
    it = Delivered(folder)
    victim = it.victim
    rounds = rng.choice((0, 0, 1, 3, 60))  # damaged before anything was delivered, in the middle, or after all was
    if rounds:
        it.deliver(rounds)
    chosen = rng.sample(FILES, rng.choice((1, 1, 1, 2)))
    ways = [(name, damage(rng, victim.path / name)) for name in chosen if (victim.path / name).parent.is_dir()]
    it.deliver()
    it.deliver()  # another shipper, later
    try:
        check(it, any(name == "files/note.txt" and way not in ("missing", "unreadable") for name, way in ways))
    except AssertionError as error:
        raise AssertionError(f"case {number}, after {rounds} rounds: {ways}: {error}") from error


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.stress) for part in range(1, 10))])
def test_nothing_is_lost_in_silence_and_no_run_costs_another(
    part: int, tmp_path: Path, dead: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    folder = tmp_path / "spool"  # where its files say that they are
    prepared(folder, dead)
    whole = shutil.copytree(folder, tmp_path / "whole")
    for number in range(part * CASES // 10, (part + 1) * CASES // 10):
        trial(number, folder)
        shutil.rmtree(folder)
        shutil.copytree(whole, folder)
