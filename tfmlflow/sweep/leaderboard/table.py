"""Every job of a sweep as a table in a file, the best first."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from tfmlflow.sweep.leaderboard.leaderboard import Leaderboard

ABOUT = ("best_epoch", "seconds", "status", "reason", "run_id", "error")


def markdown(leaderboard: Leaderboard, link: Callable[[str, str], str], most: int = 20) -> str:
    """The best of them, for a description: a sentence, and a table.

    Args:
        link: Makes words and a run's id into a link.
    """
    rows = leaderboard.ordered()[:most]
    keys = list(dict.fromkeys(key for row in rows for key in row.varied))
    heads = ["job", *keys, *leaderboard.metrics, "end"]
    lines = [_headline(leaderboard, link), "", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in rows:
        number = "before" if row.number is None else str(row.number)
        job = link(number, row.outcome.run_id) if row.outcome.run_id else number
        reached = ("" if value is None else f"{value:.5g}" for value in leaderboard.reached(row))
        end = row.outcome.reason if row.outcome.done else f"{row.outcome.status} {row.outcome.reason}"
        cells = [job, *(row.varied.get(key, "").replace("|", "\\|") for key in keys), *reached, end]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _headline(leaderboard: Leaderboard, link: Callable[[str, str], str]) -> str:
    best, finished = leaderboard.best, len(leaderboard.finished)
    said = f"{finished} of {len(leaderboard.rows)} jobs finished"
    if best is None or best.outcome.value is None:
        return f"{said}."
    what = " ".join(f"{key}={value}" for key, value in best.varied.items())
    words = link(what, best.outcome.run_id) if best.outcome.run_id else what
    return f"**{leaderboard.metrics[0]} {best.outcome.value:.5g}**: {words}; {said}."


def csv_text(leaderboard: Leaderboard) -> str:
    """The table."""
    rows = leaderboard.ordered()
    keys = list(dict.fromkeys(key for row in rows for key in row.varied))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["job", *keys, *leaderboard.metrics, *ABOUT])
    for row in rows:
        varied = [row.varied.get(key, "") for key in keys]
        about = [getattr(row.outcome, name) for name in ABOUT]
        writer.writerow([row.number, *varied, *leaderboard.reached(row), *about])
    return text.getvalue()
