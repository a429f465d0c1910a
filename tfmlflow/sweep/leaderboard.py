"""Every job of a sweep as a table in a file, the best first."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from tfmlflow.sweep.board import Row

ABOUT = ("best_epoch", "seconds", "status", "reason", "run_id", "error")


def csv_text(rows: Sequence[Row], objectives: Sequence[str]) -> str:
    """The table.

    Args:
        rows: In their order.
        objectives: Metrics that the jobs are judged by.
    """
    keys = list(dict.fromkeys(key for row in rows for key in row.varied))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["job", *keys, *objectives, *ABOUT])
    for row in rows:
        reached = [row.outcome.objective, *(row.outcome.metrics.get(metric) for metric in objectives[1:])]
        varied = [row.varied.get(key, "") for key in keys]
        writer.writerow([row.number, *varied, *reached, *(getattr(row.outcome, name) for name in ABOUT)])
    return text.getvalue()
