"""Every job of a sweep as a table in a file, the best first."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from tfmlflow.sweep.leaderboard.leaderboard import Leaderboard

OF_FOLDS = ("mean_of_folds", "deviation_of_folds", "folds_with_a_value")  # of the configuration that a job is of
ABOUT = ("best_epoch", "seconds", "status", "reason", "run_id", "error")


def markdown(leaderboard: Leaderboard, link: Callable[[str, str], str], most: int = 20) -> str:
    """The best of them, for a description: a sentence, and a table.

    Args:
        link: Makes words and a run's id into a link.
    """
    if leaderboard.folded:
        return _of_folds(leaderboard, link, most)
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


def _of_folds(leaderboard: Leaderboard, link: Callable[[str, str], str], most: int) -> str:
    """A line a configuration, with the mean and the standard deviation over its folds."""
    found = leaderboard.configurations()[:most]
    keys = list(dict.fromkeys(key for one in found for key in one.varied))
    heads = [*keys, f"{leaderboard.metrics[0]}, mean", "± over folds", "folds", "runs"]
    lines = [_headline(leaderboard, link), "", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for one in found:
        shown = ("" if value is None else f"{value:.5g}" for value in (one.mean, one.spread))
        runs = " ".join(link(str(n), row.outcome.run_id) for n, row in enumerate(one.rows) if row.outcome.run_id)
        varied = (one.varied.get(key, "").replace("|", "\\|") for key in keys)
        lines.append(f"| {' | '.join([*varied, *shown, f'{len(one.values)} of {len(one.rows)}', runs])} |")
    return "\n".join(lines)


def _headline(leaderboard: Leaderboard, link: Callable[[str, str], str]) -> str:
    best, finished = leaderboard.best, len(leaderboard.finished)
    said = f"{finished} of {len(leaderboard.rows)} jobs finished"
    if best is None or best.outcome.value is None:
        return f"{said}."
    varied = leaderboard.configurations()[0].varied if leaderboard.folded else best.varied
    what = " ".join(f"{key}={value}" for key, value in varied.items()) or "the one configuration"
    words = link(what, best.outcome.run_id) if best.outcome.run_id else what
    mean = " as the mean over its folds" if leaderboard.folded else ""
    return f"**{leaderboard.metrics[0]} {leaderboard.reaches:.5g}**{mean}: {words}; {said}."


def csv_text(leaderboard: Leaderboard) -> str:
    """The table."""
    rows = leaderboard.ordered()
    of_folds: dict[int, list[float | int | None]] = {}
    if leaderboard.folded:
        found = leaderboard.configurations()
        rows = [row for one in found for row in one.rows]
        of_folds = {id(row): [one.mean, one.spread, len(one.values)] for one in found for row in one.rows}
    keys = list(dict.fromkeys(key for row in rows for key in row.varied))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["job", *keys, *leaderboard.metrics, *(OF_FOLDS if of_folds else ()), *ABOUT])
    for row in rows:
        varied = [row.varied.get(key, "") for key in keys]
        about = [getattr(row.outcome, name) for name in ABOUT]
        writer.writerow([row.number, *varied, *leaderboard.reached(row), *of_folds.get(id(row), ()), *about])
    return text.getvalue()
