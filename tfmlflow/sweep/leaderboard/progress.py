"""How a sweep is going, on the terminal: a line a job, where it stands, and the table at its end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfmlflow.duration import duration
from tfmlflow.job.outcome import Outcome
from tfmlflow.masking import masked, masked_text
from tfmlflow.sweep.leaderboard.leaderboard import Leaderboard, Row
from tfmlflow.vocabulary import EndReason

ROWS = 20  # of the table at the end
WIDEST = 12  # characters of a value that are kept on one line where there is little room
GAP = 3  # characters between two columns
FOLDED = 7  # characters of a head, at least; longer ones take several lines
CONFIGURATION = "configuration"  # the column of all that varies, where there is no room for more
LAST_LINES = 8  # of a failed job's log
LAST_CHARACTERS = 100_000


class SweepProgress:
    """Says how a sweep is going.

    Args:
        console: Where to.
        total: Jobs in all.
        leaderboard: Takes every job that comes to its end.
    """

    def __init__(self, console: Console, total: int, leaderboard: Leaderboard) -> None:
        self._console, self._total, self._leaderboard = console, total, leaderboard
        self._metric = leaderboard.metrics[0]
        self._running: dict[int, str] = {}
        self._began = time.monotonic()
        self._live = console.status("") if console.is_terminal else None
        self._shown = self._stopped = False

    def started(self, number: int, varied: Mapping[str, str], quiet: bool) -> None:
        """A job begins; `quiet`: what it prints goes elsewhere, so that a line can be kept at the bottom."""
        self._running[number] = said = described(without_secrets(varied))
        if not quiet:
            self._print(f"job {number}  {said}", "bold")
        self._show(quiet)

    def ended(self, number: int | None, varied: Mapping[str, str], outcome: Outcome, log: Path | None = None) -> None:
        """A job has come to its end; `log` is where its last lines stand, if they were not seen yet."""
        measured = self._leaderboard.measure(varied)
        varied = without_secrets(varied)
        self._leaderboard.add(Row(number, varied, outcome, measured))
        if outcome.before:
            said = described(varied) or "the one job"
            self._print(f"{said}  {outcome.status} before ({outcome.reason}), run {outcome.run_id}", "dim")
            return
        if number is not None:
            self._running.pop(number, None)
        if outcome.done:
            reached = "" if outcome.objective is None else f"  {self._metric} {outcome.objective:.5g}"
            pruned = "  pruned" if outcome.reason == EndReason.PRUNED else ""
            self._print(f"job {number}  {described(varied)}{reached}{pruned}  {duration(outcome.seconds)}")
        else:
            said = f": {outcome.error}" if outcome.error else ""
            self._print(f"job {number}  {described(varied)}  {outcome.status} ({outcome.reason}{said})", "red")
            for line in _last_lines(log):
                self._print(f"    {line}", "dim")
        self._show(self._shown)

    def again(self, number: int, varied: Mapping[str, str], outcome: Outcome) -> None:
        """A job has died for no fault of its own, and is tried again."""
        self._running.pop(number, None)
        said = described(without_secrets(varied))
        self._print(f"job {number}  {said}  {outcome.status} ({outcome.reason}: {outcome.error}); it is tried again")

    def stopped(self) -> None:
        """No further job begins."""
        self._stopped = True

    def close(self) -> None:
        """Take the line at the bottom away."""
        if self._live is not None:
            self._live.stop()
            self._shown = False

    def standing(self) -> str:
        """One line: how many are done, running, failed, left; the best; the time that is left."""
        ended, failed, best = len(self._leaderboard.rows), len(self._leaderboard.failed), self._leaderboard.best
        parts = [f"{len(self._leaderboard.finished)} done"]
        parts += [f"{len(self._running)} running"] if self._running else []
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{len(self._leaderboard.stopped)} stopped"] if self._leaderboard.stopped else []
        left = self._total - ended - len(self._running)
        parts += [f"{left} {'not started' if self._stopped else 'to go'}"] if left > 0 else []
        said = f"{ended}/{self._total} jobs: " + ", ".join(parts)
        if best is not None:
            folded = self._leaderboard.folded
            varied = self._leaderboard.configurations()[0].varied if folded else best.varied
            mean = "mean of folds: " if folded else ""
            said += f"; best {self._metric} {self._leaderboard.reaches:.5g} ({mean}{described(varied)})"
        if (remaining := self._remaining()) is not None:
            said += f"; about {duration(remaining)} left"
        return said

    def report(self) -> None:
        """The table, the best first."""
        if self._leaderboard.folded:
            return self._report_of_folds()
        rows, ordered, unbeaten = self._leaderboard.rows, self._leaderboard.ordered(), self._leaderboard.unbeaten()
        seconds = sum(row.outcome.seconds or 0.0 for row in rows)
        self._print(f"{self._counts()}, {duration(seconds)} of training", "italic")
        keys = list(dict.fromkeys(key for row in rows for key in row.varied))
        outcomes = [row.outcome for row in ordered]
        columns = [("job", ["" if row.number is None else str(row.number) for row in ordered])]
        varied = [(_short(key, keys), [row.varied.get(key, "") for row in ordered]) for key in keys]
        reaches = []
        for place, metric in enumerate(self._leaderboard.metrics):
            reached = [self._leaderboard.reached(row)[place] for row in ordered]
            reaches.append((metric, ["" if value is None else f"{value:.5g}" for value in reached]))
        ends = [outcome.reason if outcome.done else f"{outcome.status} {outcome.reason}" for outcome in outcomes]
        reaches += [("end", ends)] if set(ends) != {EndReason.COMPLETED} else []
        least = sum(_width([*shown, head[:FOLDED]]) for head, shown in (*columns, *varied, *reaches))
        if least > self._console.width - GAP:
            varied = [(CONFIGURATION, [described(row.varied) for row in ordered])]  # too many for a column each
        columns += [*varied, *reaches]
        took = ["before" if outcome.before else duration(outcome.seconds) for outcome in outcomes]
        epochs = ["" if outcome.best_epoch is None else str(outcome.best_epoch) for outcome in outcomes]
        for name, cells in (("time", took), ("epoch", epochs)):  # where there is room
            if sum(_width([*shown, head]) for head, shown in columns) + _width([*cells, name]) <= self._console.width:
                columns.append((name, cells))
        table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
        for name, cells in columns:
            justify: Any = "left" if name in ("end", CONFIGURATION) else "right"
            narrowest = None if name == CONFIGURATION else _width(cells) - GAP
            table.add_column(name, justify=justify, overflow="fold", min_width=narrowest)
        for row, *cells in list(zip(ordered, *(cells for _, cells in columns), strict=True))[:ROWS]:
            style = "bold" if row in unbeaten else "" if row.outcome.done else "red"
            table.add_row(*map(Text, cells), style=style)
        self._console.print(table)
        if len(self._leaderboard.kinds) > 1:
            named = ", ".join(self._leaderboard.kinds[:4])
            self._print(
                f"{self._metric} is not comparable between {named}: ranked apart, the best of each in bold", "italic"
            )
        if len(self._leaderboard.metrics) > 1:
            self._print(f"{len(unbeaten)} jobs, in bold, are not beaten by any other in all objectives", "italic")
        if len(ordered) > ROWS:
            self._print(f"and {len(ordered) - ROWS} more, in leaderboard.csv of the sweep's run")

    def _report_of_folds(self) -> None:
        """The table of a cross-validation, a line a configuration."""
        seconds = sum(row.outcome.seconds or 0.0 for row in self._leaderboard.rows)
        self._print(f"{self._counts()}, {duration(seconds)} of training", "italic")
        found = self._leaderboard.configurations()
        keys = list(dict.fromkeys(key for one in found for key in one.varied))
        table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
        for name in (*(_short(key, keys) for key in keys), f"{self._metric}, mean", "± over folds", "folds", "time"):
            table.add_column(name, justify="right", overflow="fold")
        for place, one in enumerate(found[:ROWS]):
            shown = ["" if value is None else f"{value:.5g}" for value in (one.mean, one.spread)]
            took = duration(sum(row.outcome.seconds or 0.0 for row in one.rows))
            whole = len(one.values) == len(one.rows)
            folds = str(len(one.rows)) if whole else f"{len(one.values)} of {len(one.rows)}"
            cells = [*(one.varied.get(key, "") for key in keys), *shown, folds, took]
            table.add_row(*map(Text, cells), style="bold" if place == 0 else "" if whole else "red")
        self._console.print(table)
        if len(found) > ROWS:
            self._print(f"and {len(found) - ROWS} more, in leaderboard.csv of the sweep's run")

    def _show(self, quiet: bool) -> None:
        if self._live is not None and quiet:
            self._live.update(Text(self.standing()))
            self._live.start()
            self._shown = True
        elif not self._running:
            self._print(self.standing(), "cyan")

    def _remaining(self) -> float | None:
        """Seconds, from what ended jobs took and how many of them went on at once."""
        own = [row.outcome.seconds for row in self._leaderboard.finished if row.outcome.seconds is not None]
        left = self._total - len(self._leaderboard.rows)
        if not own or left <= 0 or self._stopped:
            return None
        at_once = max(1.0, sum(own) / max(time.monotonic() - self._began, 1e-9))
        return left * sum(own) / len(own) / at_once

    def _counts(self) -> str:
        before = sum(1 for row in self._leaderboard.rows if row.outcome.before)
        pruned, failed = len(self._leaderboard.pruned), len(self._leaderboard.failed)
        parts = [f"{len(self._leaderboard.finished)} of {self._total} finished"]
        parts += [f"{before} of them before"] if before else []
        parts += [f"{pruned} pruned"] if pruned else []
        timeouts = sum(row.outcome.reason == EndReason.TIMEOUT for row in self._leaderboard.failed)
        parts += [f"{failed - timeouts} failed"] if failed > timeouts else []
        parts += [f"{timeouts} timed out"] if timeouts else []
        for reason, said in ((EndReason.SIGNAL, "interrupted"), (EndReason.TIME_BUDGET, "out of the sweep's time")):
            number = sum(row.outcome.reason == reason for row in self._leaderboard.stopped)
            parts += [f"{number} {said}"] if number else []
        left = self._total - len(self._leaderboard.rows)
        parts += [f"{left} not started"] if self._stopped and left > 0 else []
        return ", ".join(parts)

    def _print(self, line: str, style: str = "") -> None:
        self._console.print(Text(line, style=style), soft_wrap=True)


def without_secrets(varied: Mapping[str, str]) -> dict[str, str]:
    """What a job differs by, as it may be shown and stored."""
    return {key: str(masked(key, value)) for key, value in varied.items()}


def described(varied: Mapping[str, str]) -> str:
    """What a job is about: `adam learning_rate=0.01`."""
    keys = list(varied)
    return " ".join(
        value if "." not in key and key != "seed" else f"{_short(key, keys)}={value}" for key, value in varied.items()
    )


def _short(key: str, keys: Sequence[str]) -> str:
    key = key.lstrip("+~")
    last = key.rsplit(".", 1)[-1]
    return last if sum(other.rsplit(".", 1)[-1] == last for other in keys) < 2 else key


def _width(cells: Sequence[str]) -> int:
    return min(max(map(len, cells), default=1), WIDEST) + GAP


def _last_lines(log: Path | None) -> list[str]:
    if log is None:
        return []
    try:
        lines = masked_text(log.read_text(errors="replace")[-LAST_CHARACTERS:]).splitlines()
    except OSError:
        return []
    return [line.rstrip()[:200] for line in lines if line.strip()][-LAST_LINES:]
