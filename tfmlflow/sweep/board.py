"""How a sweep is going, on the terminal: a line a job, where it stands, and the table at its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfmlflow.sweep.outcome import Outcome

ROWS = 20  # of the table at the end
LAST_LINES = 8  # of a failed job's log


@dataclass(frozen=True)
class Row:
    """A job that has come to its end; one that was no sweep's has no number."""

    number: int | None
    varied: Mapping[str, str]
    outcome: Outcome


class Board:
    """Says how a sweep is going.

    Args:
        console: Where to.
        total: Jobs in all.
        objectives: (metric, min or max) that jobs are judged by; the first one ranks them.
        better: Whether the first of two values beats the second.
    """

    def __init__(
        self,
        console: Console,
        total: int,
        objectives: Sequence[tuple[str, str]],
        better: Callable[[float, float | None], bool],
    ) -> None:
        self.console, self.total = console, total
        self.rows: list[Row] = []
        self._objectives, self._better = objectives, better
        self._metric = objectives[0][0]
        self._running: dict[int, str] = {}
        self._began = time.monotonic()
        self._live = console.status("") if console.is_terminal else None

    def started(self, number: int, varied: Mapping[str, str], quiet: bool) -> None:
        """A job begins; `quiet`: what it prints goes elsewhere, so that a line can be kept at the bottom."""
        self._running[number] = described(varied)
        if not quiet:
            self._print(f"job {number}  {described(varied)}", "bold")
        self._show(quiet)

    def ended(self, number: int | None, varied: Mapping[str, str], outcome: Outcome, log: Path | None = None) -> None:
        """A job has come to its end; `log` is where its last lines stand, if they were not seen yet."""
        quiet = self._live is not None and self._shown
        if number is not None and not outcome.before:
            self._running.pop(number, None)
        self.rows.append(Row(number, varied, outcome))
        if outcome.before:
            self._print(f"{described(varied)}  {outcome.status} before ({outcome.reason}), run {outcome.run_id}", "dim")
        elif outcome.status == "FINISHED":
            reached = "" if outcome.objective is None else f"  {self._metric} {outcome.objective:.5g}"
            pruned = "  pruned" if outcome.reason == "pruned" else ""
            self._print(f"job {number}  {described(varied)}{reached}{pruned}  {_time(outcome.seconds)}")
        else:
            said = f": {outcome.error}" if outcome.error else ""
            self._print(f"job {number}  {described(varied)}  {outcome.status} ({outcome.reason}{said})", "red")
            for line in _last_lines(log):
                self._print(f"    {line}", "dim")
        if not outcome.before:
            self._show(quiet)

    def close(self) -> None:
        """Take the line at the bottom away."""
        if self._live is not None:
            self._live.stop()

    @property
    def best(self) -> Row | None:
        """The job with the best objective."""
        best: Row | None = None
        for row in self.rows:
            value = row.outcome.value
            if value is not None and self._better(value, best.outcome.value if best is not None else None):
                best = row
        return best

    @property
    def failed(self) -> list[Row]:
        """Jobs that did not finish."""
        return [row for row in self.rows if not row.outcome.done]

    def standing(self) -> str:
        """One line: how many are done, running, failed, left; the best; the time that is left."""
        done = sum(1 for row in self.rows if row.outcome.done)
        parts = [f"{done} done"]
        parts += [f"{len(self._running)} running"] if self._running else []
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        left = self.total - len(self.rows) - len(self._running)
        parts += [f"{left} to go"] if left > 0 else []
        best = self.best
        said = f"{len(self.rows)}/{self.total} jobs: " + ", ".join(parts)
        if best is not None:
            said += f"; best {self._metric} {best.outcome.value:.5g} ({described(best.varied)})"
        if (remaining := self._remaining()) is not None:
            said += f"; about {_time(remaining)} left"
        return said

    def report(self) -> None:
        """The table, the best first."""
        seconds = sum(row.outcome.seconds or 0.0 for row in self.rows)
        self._print(f"{self._counts()}, {_time(seconds)} of training", "italic")
        table = Table()
        keys = list(dict.fromkeys(key for row in self.rows for key in row.varied))
        metrics = [metric for metric, _ in self._objectives]
        for column in ("job", *(_short(key, keys) for key in keys), *metrics, "epoch", "time", "end"):
            table.add_column(column, justify="left" if column in ("end",) else "right", overflow="fold")
        ordered, unbeaten = self.ordered(), self.unbeaten()
        for row in ordered[:ROWS]:
            outcome = row.outcome
            style = "bold" if row in unbeaten else "" if outcome.done else "red"
            reached = [outcome.objective, *(outcome.metrics.get(metric) for metric in metrics[1:])]
            table.add_row(
                "" if row.number is None else str(row.number),
                *(Text(row.varied.get(key, "")) for key in keys),
                *("" if value is None else f"{value:.5g}" for value in reached),
                "" if outcome.best_epoch is None else str(outcome.best_epoch),
                "before" if outcome.before else _time(outcome.seconds),
                outcome.reason if outcome.done else f"{outcome.status} {outcome.reason}",
                style=style,
            )
        self.console.print(table)
        if len(self._objectives) > 1:
            self._print(f"{len(unbeaten)} jobs, in bold, are not beaten by any other in all objectives", "italic")
        if len(ordered) > ROWS:
            self.console.print(f"and {len(ordered) - ROWS} more, in leaderboard.csv of the sweep's run", soft_wrap=True)

    def unbeaten(self) -> list[Row]:
        """The best job; with several objectives those that no other beats in one and equals in the rest."""
        if len(self._objectives) == 1:
            return [self.best] if self.best is not None else []
        ranked = [(row, reached) for row in self.rows if None not in (reached := self._lower_is_better(row))]
        return [row for row, mine in ranked if not any(_beats(other, mine) for _, other in ranked)]

    def _lower_is_better(self, row: Row) -> list[float | None]:
        said = row.outcome
        values = [said.value, *(said.metrics.get(metric) if said.done else None for metric, _ in self._objectives[1:])]
        signs = [-1 if mode == "max" else 1 for _, mode in self._objectives]
        return [None if value is None else sign * value for sign, value in zip(signs, values, strict=True)]

    def ordered(self) -> list[Row]:
        """The best first, then pruned ones, then failed ones."""
        ranked = [row for row in self.rows if row.outcome.value is not None]
        for i in range(1, len(ranked)):  # by insertion: `better` is all that is known of the order
            j = i
            while j and self._better(ranked[j].outcome.value or 0.0, ranked[j - 1].outcome.value):
                ranked[j - 1 : j + 1] = ranked[j], ranked[j - 1]
                j -= 1
        rest = [row for row in self.rows if row.outcome.value is None]
        return ranked + sorted(rest, key=lambda row: not row.outcome.done)

    @property
    def _shown(self) -> bool:
        return bool(self._live is not None and self._live._live.is_started)

    def _show(self, quiet: bool) -> None:
        if self._live is not None and quiet:
            self._live.update(Text(self.standing()))
            self._live.start()
        elif not self._running:
            self._print(self.standing(), "cyan")

    def _remaining(self) -> float | None:
        own = [row.outcome.seconds for row in self.rows if row.outcome.seconds is not None]
        if not own or len(self.rows) >= self.total:
            return None
        at_once = max(1.0, sum(own) / max(time.monotonic() - self._began, 1e-9))
        return (self.total - len(self.rows)) * sum(own) / len(own) / at_once

    def _counts(self) -> str:
        finished = sum(1 for row in self.rows if row.outcome.done)
        before = sum(1 for row in self.rows if row.outcome.before)
        pruned = sum(1 for row in self.rows if row.outcome.reason == "pruned")
        parts = [f"{finished} of {self.total} finished"]
        parts += [f"{before} of them before"] if before else []
        parts += [f"{pruned} pruned"] if pruned else []
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        return ", ".join(parts)

    def _print(self, line: str, style: str = "") -> None:
        self.console.print(Text(line, style=style), soft_wrap=True)


def described(varied: Mapping[str, str]) -> str:
    """What a job is about: `adam learning_rate=0.01`."""
    keys = list(varied)
    return " ".join(
        value if "." not in key and key != "seed" else f"{_short(key, keys)}={value}" for key, value in varied.items()
    )


def _beats(one: Sequence[float | None], other: Sequence[float | None]) -> bool:
    pairs = [(mine or 0.0, theirs or 0.0) for mine, theirs in zip(one, other, strict=True)]
    return all(mine <= theirs for mine, theirs in pairs) and any(mine < theirs for mine, theirs in pairs)


def _short(key: str, keys: Sequence[str]) -> str:
    key = key.lstrip("+~")
    last = key.rsplit(".", 1)[-1]
    return last if sum(other.rsplit(".", 1)[-1] == last for other in keys) < 2 else key


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def _last_lines(log: Path | None) -> list[str]:
    if log is None:
        return []
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return []
    return [line.rstrip()[:200] for line in lines if line.strip()][-LAST_LINES:]
