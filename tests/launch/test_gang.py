"""Processes that live and die together."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from tfmlflow.errors import UsageError
from tfmlflow.launch import gang
from tfmlflow.launch.gang import Gang
from tfmlflow.launch.local import Local
from tfmlflow.launch.member import Ended, Member
from tfmlflow.launch.training import Training

LONG = "import time; print('here', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {LONG}"


def begun(folder: Path, *scripts: str) -> tuple[Gang, list[str]]:
    """A gang of Python scripts, and what they say."""
    said: list[str] = []
    members = [
        Member(f"worker {i}", (sys.executable, "-c", script), {}, folder / str(i) / "output.log")
        for i, script in enumerate(scripts)
    ]
    return Gang(members, Local(), said.append), said


def children() -> set[int]:
    """Processes of ours, those of other tests too."""
    return {one.pid for one in psutil.Process().children()}


def left(before: set[int]) -> list[int]:
    """Those that have come since."""
    return sorted(children() - before)


def wait_for(condition: object) -> None:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.05)


def test_lines_have_names_and_are_in_files_too(tmp_path: Path) -> None:
    team, said = begun(tmp_path, "print('one')", "import sys; print('two', file=sys.stderr)")
    assert team.wait() is None
    assert sorted(said) == ["[worker 0] one", "[worker 1] two"]
    assert (tmp_path / "1" / "output.log").read_text() == "two\n"


@pytest.mark.parametrize(
    ("fate", "code", "told"),
    [
        ("import sys; sys.exit(3)", 3, "worker 1 left with exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", -9, "worker 1 was ended by SIGKILL"),
    ],
)
def test_the_death_of_one_is_the_end_of_all(tmp_path: Path, fate: str, code: int, told: str) -> None:
    before = children()
    team, _ = begun(tmp_path, LONG, fate)
    ended = team.wait()
    assert ended == Ended("worker 1", code)
    assert str(ended) == told
    assert left(before) == []


def test_who_does_not_leave_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gang, "GRACE", 0.5)
    monkeypatch.setattr(gang, "FOLLOWERS", 0.5)
    before = children()
    team, said = begun(tmp_path, STUBBORN, STUBBORN)
    wait_for(lambda: len(said) == 2)
    team.end(signal.SIGTERM)
    assert left(before) == []


def test_the_chief_leaves_before_the_others(tmp_path: Path) -> None:
    leaves = (
        "import signal, sys, time\nsignal.signal(15, lambda *_: (time.sleep(.3), print(time.time()), sys.exit()))\n"
    )
    team, said = begun(tmp_path, leaves + LONG, leaves + LONG)
    wait_for(lambda: len(said) == 2)
    team.end(signal.SIGTERM)
    first, second = (float((tmp_path / name / "output.log").read_text().split()[-1]) for name in "01")
    assert second - first >= 0.3
    assert len(said) == 3  # what the others say when all is over is in their files alone


def test_processes_of_processes_are_ended_too(tmp_path: Path) -> None:
    before = children()
    nested = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {LONG!r}]).wait()"
    team, said = begun(tmp_path, nested, "import time; time.sleep(60)")
    wait_for(lambda: said)
    family = [psutil.Process(pid) for pid in left(before)]
    family += [each for one in family for each in one.children(recursive=True)]
    team.end(signal.SIGTERM)
    wait_for(lambda: not any(one.is_running() and one.status() != "zombie" for one in family))
    assert [one for one in family if one.is_running() and one.status() != "zombie"] == []


def test_wrong_commands_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give the command after --"):
        Training.of((), 2, 0)
    with pytest.raises(UsageError, match=r"there is no file nowhere\.py"):
        Training.of(("nowhere.py",), 2, 0)


SCRIPT = """
import json, os, pathlib, sys
place = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
again = os.environ.get("TFMLFLOW_GO_ON")
print("again" if again else "first", os.environ.get("TFMLFLOW_DIED", ""), flush=True)
fate = sys.argv[1]
if fate == "wrong": sys.exit(2)
if place == 1 and (not again or fate == "always"): os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize(
    ("fate", "restarts", "code", "attempts"), [("once", 1, 0, 2), ("always", 2, 1, 3), ("wrong", 2, 2, 1)]
)
def test_all_are_started_again_as_often_as_told(
    tmp_path: Path, fate: str, restarts: int, code: int, attempts: int
) -> None:
    script, said = tmp_path / "mine.py", list[str]()
    script.write_text(SCRIPT)
    training = Training.of((str(script), fate, f"hydra.run.dir={tmp_path / 'out'}"), 2, restarts)
    assert training.run(said.append) == code
    assert sum("worker 1] " in line and line.endswith(("first", "SIGKILL")) for line in said) == attempts
    assert (tmp_path / "out" / "worker-1" / "output.log").is_file()


def test_a_signal_ends_everybody(tmp_path: Path) -> None:
    script, said = tmp_path / "mine.py", list[str]()
    script.write_text(LONG)
    training = Training.of((str(script), f"hydra.run.dir={tmp_path / 'out'}"), 2, 5)
    before = children()

    def tell() -> None:
        wait_for(lambda: len(said) == 2)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=tell).start()
    assert training.run(said.append) == 130
    assert left(before) == []
    assert said[2] == "stopped by SIGINT: ending all workers"
