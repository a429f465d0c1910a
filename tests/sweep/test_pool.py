"""Processes of their own for jobs: what comes back from them, in whatever way they end."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import psutil
import pytest

from tests.chaos.script import eventually
from tfmlflow.errors import Interrupted
from tfmlflow.job.outcome import TimedOut
from tfmlflow.job.report import JobReport
from tfmlflow.sweep.jobs.pool import OUTPUT, Died, Pool, Task
from tfmlflow.sweep.jobs.worker import LOADED


def square(of: int) -> tuple[int, int]:
    """A result, and the process that it comes from."""
    print("squaring", of)
    return of * of, os.getpid()


def seen(mine: Path, other: Path) -> str:
    """The GPUs that a process sees while another one is at work."""
    mine.touch()
    while not other.exists():
        time.sleep(0.01)
    return os.environ["CUDA_VISIBLE_DEVICES"]


def leave(code: int) -> None:
    """An end without a word."""
    os.write(2, b"out of luck\n")
    os._exit(code)


def kill() -> None:
    """What the system does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def refuse() -> None:
    """An error that nobody handles."""
    raise RuntimeError("no")


def wait(for_ever: Path) -> None:
    """Says that it is at work, and goes on."""
    for_ever.touch()
    signal.pause()


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that find TensorFlow loaded: what they load is not what is tested here, and takes five seconds."""
    lines = [f"sys.modules[{name!r}] = types.ModuleType({name!r})" for name in LOADED]
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text("\n".join(["import sys, types", *lines]))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))


def tasks(folder: Path, work: dict[str, Callable[[], Any]]) -> Callable[[], Task | None]:
    """Gives one after the other; what is in this file goes along, since no other process can import it."""
    import tests.sweep.test_pool as here

    cloudpickle.register_pickle_by_value(here)
    left: Iterator[tuple[str, Callable[[], Any]]] = iter(work.items())

    def following() -> Task | None:
        key, function = next(left, (None, None))
        return None if key is None else Task(key, cloudpickle.dumps(function), folder / key)

    return following


@pytest.mark.usefixtures("quick")
def test_every_task_gets_a_process_of_its_own_and_every_end_is_told(tmp_path: Path) -> None:
    work: dict[str, Callable[[], Any]] = {
        "left": functools.partial(leave, 3),
        "two": functools.partial(square, 2),
        "killed": kill,
        "refused": refuse,
        "three": functools.partial(square, 3),
    }
    results = dict(Pool(2).run(tasks(tmp_path, work)))
    assert set(results) == set(work)
    assert (results["two"][0], results["three"][0]) == (4, 9)
    assert len({os.getpid(), results["two"][1], results["three"][1]}) == 3
    assert (tmp_path / "two" / OUTPUT).read_text() == "squaring 2\n"
    assert all(isinstance(results[key], Died) for key in ("left", "killed", "refused"))
    assert "exit code 3" in str(results["left"])
    assert "out of luck" in (tmp_path / "left" / OUTPUT).read_text()
    assert "SIGKILL" in str(results["killed"])
    assert "memory" in str(results["killed"])
    assert "RuntimeError: no" in (tmp_path / "refused" / OUTPUT).read_text()
    assert children() == []


@pytest.mark.usefixtures("quick")
def test_processes_that_share_gpus_see_one_each(tmp_path: Path) -> None:
    files = [tmp_path / str(i) for i in range(4)]
    pairs = {str(i): functools.partial(seen, files[i], files[i ^ 1]) for i in range(4)}  # 0 with 1, 2 with 3
    found = dict(Pool(2, gpus=[3, 5]).run(tasks(tmp_path / "output", pairs)))
    assert {found["0"], found["1"]} == {found["2"], found["3"]} == {"3", "5"}
    assert dict(Pool(1, gpus=[4]).run(tasks(tmp_path / "alone", {"0": pairs["0"]}))) == {"0": "4"}


@pytest.mark.usefixtures("quick")
def test_tasks_are_taken_only_when_a_process_is_free_for_them(tmp_path: Path) -> None:
    following, taken = tasks(tmp_path, {str(i): functools.partial(square, i) for i in range(6)}), []

    def counted() -> Task | None:
        task = following()
        taken.append(task.key if task else None)
        return task

    for done, _ in enumerate(Pool(2).run(counted)):
        assert len([key for key in taken if key]) <= done + 2
    assert [key for key in taken if key] == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("limit", "reason"), [("timeout", "timeout"), ("until", "time_budget")])
def test_what_takes_too_long_is_ended_and_the_others_go_on(tmp_path: Path, limit: str, reason: str) -> None:
    at_work = tmp_path / "at work"
    work = {"one": functools.partial(wait, at_work), "two": functools.partial(square, 2)}
    until = {"timeout": 1.0} if limit == "timeout" else {"until": time.monotonic() + 3}
    results = dict(Pool(2).run(tasks(tmp_path, work), **until))
    assert isinstance(results["one"], TimedOut)
    assert results["one"].reason == reason
    assert JobReport.ending(tmp_path / "one") == reason
    if limit == "timeout":
        assert results["two"][0] == 4
    assert children() == []


@pytest.mark.usefixtures("quick")
def test_leaving_early_ends_what_is_at_work(tmp_path: Path) -> None:
    at_work = tmp_path / "at work"
    pool = Pool(2)
    running = pool.run(tasks(tmp_path, {"one": functools.partial(square, 1), "two": functools.partial(wait, at_work)}))
    key, result = next(running)
    assert (key, result[0]) == ("one", 1)
    eventually(at_work.exists, 60)
    running.close()  # type: ignore[attr-defined]
    assert children() == []


@pytest.mark.usefixtures("quick")
def test_what_the_look_raises_ends_what_is_at_work(tmp_path: Path) -> None:
    at_work = tmp_path / "at work"

    def look() -> None:
        if at_work.exists():
            raise Interrupted(signal.SIGINT)

    with pytest.raises(Interrupted):
        list(Pool(1).run(tasks(tmp_path, {"one": functools.partial(wait, at_work)}), look))
    assert children() == []


@pytest.mark.usefixtures("quick")
def test_a_process_that_dies_before_its_task_is_told_as_well(tmp_path: Path) -> None:
    (tmp_path / "path" / "sitecustomize.py").write_text(
        "import os, sys\nprint('no TensorFlow')\nsys.stdout.flush()\nos._exit(7)"
    )
    ((key, result),) = Pool(1).run(tasks(tmp_path, {"one": functools.partial(square, 1)}))
    assert key == "one"
    assert str(result) == "the process that jobs come out of ended with exit code 7: no TensorFlow"


def test_nothing_to_do_starts_no_process() -> None:
    assert list(Pool(2).run(lambda: None)) == []
    assert children() == []


def children() -> list[psutil.Process]:
    """Processes of a pool of this one, beside those that other tests have left to be waited for."""
    return [child for child in psutil.Process().children() if "tfmlflow.sweep.jobs.worker" in _command(child)]


def _command(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.NoSuchProcess):  # nor a zombie
        return process.cmdline()
    return []
