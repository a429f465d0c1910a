"""Whether a trainer lives: neither a later process of its number nor its corpse is taken for it."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tracking.shipper.spooled import dead_process
from tfmlflow.tracking.journal.liveness import Process, machine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="of /proc")


def test_this_process_lives_here() -> None:
    process = Process.current()
    assert process.pid == os.getpid()
    assert process.started > 0
    assert process.here
    assert process.alive


def test_one_that_has_ended_is_dead() -> None:
    assert not dead_process().alive


def test_a_later_process_of_the_same_number_is_another_one() -> None:
    mine = Process.current()
    for ticks in (-1000, -1, 1, 1000):
        assert not dataclasses.replace(mine, started=mine.started + ticks).alive


def test_a_process_whose_start_was_not_known_is_not_taken_for_alive() -> None:
    assert not dataclasses.replace(Process.current(), started=0.0).alive


def test_a_zombie_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        child = Process(process.pid, float(fields[19]), machine())
        assert child.alive
        process.kill()
        deadline = time.monotonic() + 5
        while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert not child.alive


def test_one_that_is_stopped_lives() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        child = Process(process.pid, float(fields[19]), machine())
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.05)
        assert child.alive
        process.kill()


def test_a_name_with_parentheses_does_not_confuse(tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 (b"
    program.symlink_to(sys.executable)
    with subprocess.Popen([str(program), "-c", "input()"], stdin=subprocess.PIPE) as process:
        while ") R 1 (" not in (stat := Path(f"/proc/{process.pid}/stat").read_text()):
            time.sleep(0.01)
        started = float(stat.rpartition(")")[2].split()[19])
        assert Process(process.pid, started, machine()).alive
        process.kill()


def test_another_machine_is_not_this_one() -> None:
    away = dataclasses.replace(Process.current(), machine="elsewhere boot pid:[1]")
    assert not away.here


def test_all_processes_of_this_machine_agree_on_its_name() -> None:
    program = "from tfmlflow.tracking.journal.liveness import machine; print(machine())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == machine()
