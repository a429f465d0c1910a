"""What the terminal says of a sweep."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from tests.sweep.studies import FAILED, MIXED, finished
from tfmlflow.job.outcome import Outcome
from tfmlflow.sweep.leaderboard.leaderboard import Leaderboard
from tfmlflow.sweep.leaderboard.progress import SweepProgress, described


def progress(
    total: int = 6, mode: str = "min", terminal: bool = False
) -> tuple[SweepProgress, Leaderboard, io.StringIO]:
    """How a sweep is going, where its jobs stand, and what is said of it."""
    said = io.StringIO()
    console = Console(file=said, width=120, highlight=False, markup=False, force_terminal=terminal)
    leaderboard = Leaderboard([("val/loss", mode)])
    return SweepProgress(console, total, leaderboard), leaderboard, said


def ended(of: SweepProgress, *outcomes: Outcome) -> None:
    """Jobs one after the other."""
    for number, outcome in enumerate(outcomes):
        varied = {"seed": str(number)}
        of.started(number, varied, quiet=True)
        of.ended(number, varied, outcome)


def test_a_line_says_where_the_sweep_stands() -> None:
    of, _, _ = progress(total=5)
    ended(of, finished(0.5), FAILED)
    of.started(2, {"seed": "2"}, quiet=True)
    line = of.standing()
    assert line.startswith("2/5 jobs: 1 done, 1 running, 1 failed, 2 to go; best val/loss 0.5 (seed=0)")
    assert line.count("\n") == 0


def test_a_sweep_that_is_stopped_begins_nothing_more() -> None:
    of, _, _ = progress(total=5)
    ended(of, finished(0.5), FAILED)
    of.stopped()
    assert of.standing() == "2/5 jobs: 1 done, 1 failed, 3 not started; best val/loss 0.5 (seed=0)"


def test_a_sweep_that_is_over_has_nothing_to_go() -> None:
    of, _, _ = progress(total=2)
    ended(of, finished(0.5), finished(0.25))
    assert of.standing() == "2/2 jobs: 2 done; best val/loss 0.25 (seed=1)"


def test_each_job_has_a_line_with_what_became_of_it() -> None:
    of, _, said = progress()
    ended(of, *MIXED)
    lines = {line.split()[1]: line for line in said.getvalue().splitlines() if line.startswith("job ")}
    assert lines["0"] == "job 0  seed=0  val/loss 0.5  1.0 s"
    assert lines["3"] == "job 3  seed=3  FAILED (error: RuntimeError: [bold]no[/bold])"
    assert lines["4"] == "job 4  seed=4  val/loss 0.1  pruned  1.0 s"


def test_what_a_failed_job_said_last_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "output.txt"
    log.write_bytes(b"\n".join(b"line %d \xff" % i for i in range(30)) + b"\n\n")
    of, _, said = progress()
    of.started(0, {}, quiet=True)
    of.ended(0, {}, FAILED, log)
    assert "line 29" in said.getvalue()
    assert "line 10 " not in said.getvalue()
    of.ended(1, {}, FAILED, tmp_path / "nothing")


def test_jobs_of_before_are_named_with_their_runs_and_take_no_time() -> None:
    of, leaderboard, said = progress(total=2)
    before = Outcome("FINISHED", "completed", objective=0.25, run_id="r9", before=True, job=4)
    of.ended(4, {"seed": "4"}, before)
    of.ended(None, {"seed": "5"}, before)
    assert "seed=4  FINISHED before (completed), run r9" in said.getvalue()
    of.report()
    assert "2 of 2 finished, 2 of them before" in said.getvalue()
    assert leaderboard.best is not None


def test_the_table_has_every_job_and_counts_them() -> None:
    of, _, said = progress()
    ended(of, *MIXED)
    of.report()
    table = said.getvalue()[said.getvalue().index("5 of 6 finished") :]
    assert table.startswith("5 of 6 finished, 1 pruned, 1 failed, 7.0 s of training")
    rows = [line for line in table.splitlines() if line.split() and line.split()[0].isdigit()][1:]
    assert [row.split()[0] for row in rows] == ["2", "5", "0", "1", "4", "3"]
    assert "pruned" in rows[4]
    assert "FAILED error" in rows[5]


def test_a_long_table_says_how_many_are_left_out() -> None:
    of, _, said = progress(total=25)
    ended(of, *(finished(float(i)) for i in range(25)))
    of.report()
    assert "and 5 more, in leaderboard.csv of the sweep's run" in said.getvalue()


def test_a_sweep_without_any_job_has_a_table_too() -> None:
    of, _, said = progress(total=3)
    of.report()
    assert "0 of 3 finished" in said.getvalue()


def test_names_with_markup_reach_the_terminal_as_they_are() -> None:
    of, _, said = progress(total=1)
    of.started(0, {"model.units": "[4]", "+model.note": "[red]x[/red]"}, quiet=True)
    of.ended(0, {"model.units": "[4]", "+model.note": "[red]x[/red]"}, FAILED)
    of.report()
    assert "units=[4] note=[red]x[/red]" in said.getvalue()
    assert "[4]" in said.getvalue().split("0 of 1 finished")[1]


def test_on_a_terminal_the_line_at_the_bottom_goes_away() -> None:
    of, _, said = progress(total=2, terminal=True)
    ended(of, finished(0.5), finished(0.25))
    of.close()
    of.report()
    assert "2 of 2 finished" in said.getvalue()
    assert not (of._live is not None and of._live._live.is_started)


@pytest.mark.parametrize(
    ("varied", "words"),
    [
        ({"optimizer": "adam", "optimizer.learning_rate": "0.1"}, "adam learning_rate=0.1"),
        ({"seed": "3"}, "seed=3"),
        ({"+model.width": "4"}, "width=4"),
        ({"data.limit": "1", "model.limit": "2"}, "data.limit=1 model.limit=2"),
        ({}, ""),
    ],
)
def test_a_job_is_described_by_what_varies(varied: dict[str, str], words: str) -> None:
    assert described(varied) == words


@pytest.mark.parametrize("width", [120, 80, 60])
def test_the_table_has_every_result_on_a_narrow_terminal(width: int) -> None:
    said = io.StringIO()
    console = Console(file=said, width=width, highlight=False, markup=False)
    of = SweepProgress(console, 2, Leaderboard([("val/loss", "min")]))
    for number, rest in enumerate([{"model": "mlp"}, {"model": "cnn", "model.filters": "[16, 32]"}]):
        of.ended(
            number, {**rest, "optimizer.learning_rate": "0.000311", "optimizer.momentum": "0.93221"}, MIXED[number * 2]
        )
    of.report()
    table = said.getvalue().split("finished")[1]
    assert max(map(len, table.splitlines())) <= width
    for wanted in ("0.5", "0.2", "mlp", "cnn", "0.000311"):
        assert wanted in table
