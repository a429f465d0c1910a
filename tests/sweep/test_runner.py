"""What a sweep does with its jobs: used folders, jobs that are done before, die, hang, or have no time."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra.core.utils import JobReturn
from rich.console import Console

from tests.chaos.script import eventually
from tests.sweep import typed
from tests.sweep.studies import finished
from tfmlflow.job.outcome import Outcome, TimedOut
from tfmlflow.job.report import JobReport
from tfmlflow.sweep.jobs.pool import Died
from tfmlflow.sweep.jobs.runner import SweepRunner
from tfmlflow.sweep.leaderboard.leaderboard import Leaderboard
from tfmlflow.sweep.leaderboard.progress import SweepProgress
from tfmlflow.sweep.search.search import Listed
from tfmlflow.sweep.search.space import Choices, Space


class Jobs:
    """A launcher whose jobs do what the test says: leave a word, die, or raise.

    Args:
        folder: That the jobs' folders are in.
        does: Given a job's number and width, returns what the launcher gets.
        batches: As launchers of batches have it; else as jobs are proposed.
    """

    def __init__(self, folder: Path, does: Callable[[int, str], Any], batches: bool = False) -> None:
        self.folder, self.does, self.begun = folder, does, list[str]()
        if not batches:
            self.stream, self.prepare, self.close = self._stream, lambda: None, lambda: None

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        return [self._done(number, words) for number, words in enumerate(job_overrides, initial_job_idx)]

    def _stream(self, following: Any, look: Any, until: float) -> Iterator[tuple[int, Any]]:
        while (job := following()) is not None:
            yield job[0], self._done(*job)

    def _done(self, number: int, words: Sequence[str]) -> Any:
        width = words[-1].partition("=")[2]
        self.begun.append(width)
        return self.does(number, width)


def swept(
    folder: Path,
    does: Callable[[int, str], Any],
    widths: tuple[str, ...] = ("1", "2", "3"),
    before: Mapping[str, Outcome] | None = None,
    batches: bool = False,
    start: str = "now",
    search: Any = None,
    **said: Any,
) -> tuple[Jobs, Leaderboard, str]:
    """A sweep over `width`; the launcher, what came out, and what was printed."""
    space = Space((), (Choices("width", widths),))
    plan: Any = SimpleNamespace(
        said={"pruner": "none", "on_failure": "continue", "retries": 0, "time_budget": None} | said,
        fingerprint=lambda overrides, code: overrides[-1],
        judged=lambda outcome: outcome,
    )
    printed, leaderboard = io.StringIO(), Leaderboard([("val/loss", "min")])
    console = Console(file=printed, width=200)
    search = search or Listed(space, list(space.grid()))
    progress = SweepProgress(console, len(widths), leaderboard)
    record: Any = SimpleNamespace(
        next_job=0, numbered=lambda taken: None, attentive=lambda: contextlib.nullcontext(lambda: None)
    )
    runner = SweepRunner(plan, search, progress, folder, before or {}, "code", record, start)
    jobs = Jobs(folder, does, batches)
    runner.run(jobs, None)
    progress.report()
    return jobs, leaderboard, printed.getvalue()


def left(
    folder: Path, number: int, value: float, start: str = "now", status: str = "FINISHED", reason: str = "completed"
) -> None:
    """The word of a job."""
    (folder / str(number)).mkdir(parents=True, exist_ok=True)
    JobReport(status, reason, f"r{number}", objective=value, seconds=1.0, start=start).write(folder / str(number))


@pytest.mark.parametrize("batches", [False, True])
def test_the_word_of_another_sweep_in_the_same_folder_is_not_that_of_a_job(tmp_path: Path, batches: bool) -> None:
    for number in range(3):
        left(tmp_path, number, 0.001, start="then")

    def does(number: int, width: str) -> Any:
        if width == "2":
            return RuntimeError("unlucky")
        left(tmp_path, number, float(width))
        return None

    _, leaderboard, said = swept(tmp_path, does, batches=batches)
    assert leaderboard.best is not None
    assert [leaderboard.best.outcome.objective, leaderboard.best.varied] == [1.0, {"width": "1"}]
    assert [row.outcome.error for row in leaderboard.failed] == ["unlucky"]
    assert "0.001" not in said


def test_pruned_jobs_are_trained_whole_in_a_sweep_that_prunes_none(tmp_path: Path) -> None:
    def does(number: int, width: str) -> None:
        left(tmp_path, number, 0.5)

    before = {"width=1": finished(0.1, "pruned"), "width=2": finished(0.2)}
    assert swept(tmp_path, does, before=before)[0].begun == ["1", "3"]
    assert swept(tmp_path, does, before=before, pruner="median")[0].begun == ["3"]


@pytest.mark.parametrize("batches", [False, True])
@pytest.mark.parametrize("retries", [0, 1, 2])
def test_a_job_whose_process_died_is_tried_again(tmp_path: Path, retries: int, batches: bool) -> None:
    def does(number: int, width: str) -> Any:
        if width != "2" or len(jobs) == 2:
            left(tmp_path, number, float(width))
            return None
        jobs.append(number)
        left(tmp_path, number, 0.0, status="RUNNING")
        return Died("its process was ended by SIGKILL")

    jobs: list[int] = []
    launcher, leaderboard, said = swept(tmp_path, does, retries=retries, batches=batches)
    assert launcher.begun.count("2") == min(retries, 2) + 1
    assert len(leaderboard.failed) == (retries < 2)
    assert len(leaderboard.rows) == 3
    assert said.count("it is tried again") == retries


def test_what_fails_by_its_own_fault_is_not_tried_again(tmp_path: Path) -> None:
    def does(number: int, width: str) -> Any:
        return RuntimeError("always")

    assert swept(tmp_path, does, retries=5)[0].begun == ["1", "2", "3"]


def test_no_job_begins_after_the_time_budget_and_those_ended_by_it_have_not_failed(tmp_path: Path) -> None:
    def does(number: int, width: str) -> Any:
        time.sleep(0.3)
        left(tmp_path, number, 0.0, status="KILLED")
        return TimedOut("time_budget")

    launcher, leaderboard, said = swept(tmp_path, does, time_budget=0.2)
    assert launcher.begun == ["1"]
    assert (leaderboard.failed, len(leaderboard.stopped)) == ([], 1)
    assert "1 out of the sweep's time, 2 not started" in said
    assert "KILLED time_budget" in said


def test_a_job_that_a_launcher_of_hydras_has_begun_is_told_that_its_time_is_over(tmp_path: Path) -> None:
    asked: list[str | None] = []

    def does(number: int, width: str) -> Any:
        folder = tmp_path / str(number)
        left(tmp_path, number, 0.0, status="RUNNING")
        deadline = time.monotonic() + 10
        while (told := JobReport.ending(folder)) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        asked.append(told)
        left(tmp_path, number, 0.0, status="KILLED", reason="time_budget")
        return 1.0

    launcher, leaderboard, said = swept(tmp_path, does, batches=True, time_budget=0.3)
    assert (asked, launcher.begun) == (["time_budget"] * 3, ["1", "2", "3"])  # all at once, as a batch of joblib's
    assert (leaderboard.failed, len(leaderboard.stopped)) == ([], 3)
    assert "3 out of the sweep's time" in said


def test_a_job_that_takes_too_long_is_told_apart(tmp_path: Path) -> None:
    def does(number: int, width: str) -> Any:
        return TimedOut("timeout") if width == "2" else RuntimeError("no")

    _, leaderboard, said = swept(tmp_path, does)
    assert "2 failed, 1 timed out" in said
    assert [row.outcome.reason for row in leaderboard.failed] == ["error", "timeout", "error"]


def test_an_exception_while_a_batch_is_watched_loses_no_job(tmp_path: Path) -> None:
    class Locked(Listed):
        fails = 1

        def tell(self, proposal: Any, outcome: Outcome) -> None:
            if self.fails:
                self.fails -= 1
                raise OSError("database is locked")

    def does(number: int, width: str) -> None:
        left(tmp_path, number, float(width))
        if number == 2:
            eventually(lambda: not search.fails, 10)

    space = Space((), (Choices("width", ("1", "2", "3")),))
    search = Locked(space, list(space.grid()))
    _, leaderboard, _ = swept(tmp_path, does, batches=True, search=search)
    assert sorted(row.varied["width"] for row in leaderboard.finished) == ["1", "2", "3"]


HANGS = """
import os, pathlib, signal, time
import keras
HERE = pathlib.Path(__file__).parent

class Bad(keras.Sequential):
    def fit(self, *given, callbacks=(), **named):
        def begin(epoch, logs=None):
            if self.width == 2:
                time.sleep(600)
            if self.width == 3 and not (HERE / "died").exists():
                (HERE / "died").touch()
                os.kill(os.getpid(), signal.SIGKILL)
        more = keras.callbacks.LambdaCallback(on_epoch_begin=begin)
        return super().fit(*given, callbacks=[*callbacks, more], **named)

def build(data, width):
    if width == 4:
        raise RuntimeError("width 4 is unlucky")
    model = Bad([keras.Input(data.input_shape), keras.layers.Flatten(), keras.layers.Dense(data.classes, "softmax")])
    model.width = width
    return model
"""


@pytest.mark.slow
def test_jobs_that_hang_die_and_fail_in_a_folder_that_was_used(
    tmp_path: Path, new_store: Callable[[Path], Path]
) -> None:
    folder = new_store(tmp_path / "sweep")
    (folder / "mine.py").write_text(HANGS)
    for number in range(5):
        (folder / "used" / str(number)).mkdir(parents=True)
        JobReport("FINISHED", "completed", "0" * 32, objective=0.0001).write(folder / "used" / str(number))
        (folder / "used" / str(number) / "output.txt").write_text("the table of another sweep\n")
    said = typed.swept(
        folder,
        *(*typed.OWN, "+model.width=1,2,3,4", "trainer.epochs=1", "hydra.sweep.dir=used", "sweep.retries=1"),
        *("hydra/launcher=process", "hydra.launcher.timeout=25 s"),
        code=1,
    )
    ends = {(row["+model.width"], row["status"], row["reason"]) for row in typed.leaderboard(folder)}
    assert ends == {
        ("1", "FINISHED", "completed"),
        ("2", "KILLED", "timeout"),
        ("3", "FINISHED", "completed"),
        ("4", "FAILED", "error"),
    }
    assert "0.0001" not in said
    assert "the table of another sweep" not in said
    assert "it is tried again" in said
    assert "1 failed, 1 timed out" in said
    # The params of the one that was killed may be on their way.
    runs = {(run.data.params.get("model.width"), *typed.ends(run)) for run in typed.children(folder)}
    assert ("2", "KILLED", "timeout") in runs
