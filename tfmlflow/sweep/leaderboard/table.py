"""Every job of a sweep as a table in a file, the best first."""

from __future__ import annotations

import csv
import io

from tfmlflow.sweep.leaderboard.leaderboard import Leaderboard

ABOUT = ("best_epoch", "seconds", "status", "reason", "run_id", "error")


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
