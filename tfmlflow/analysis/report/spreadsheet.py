"""A comparison as CSV: one row a run, every digit."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

from tfmlflow.analysis.comparison import Comparison
from tfmlflow.analysis.runs.groups import differing
from tfmlflow.analysis.runs.stored_run import StoredRun, is_draw
from tfmlflow.analysis.wording import as_number

FIXED = ["rank", "run_id", "name", "experiment", "status", "end_reason", "error", "started", "seconds", "cpu_seconds"]
FIXED += ["objective", "value", "epoch", "value_is"]
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would execute


def csv_text(comparison: Comparison) -> str:
    """The runs in the order of their configurations; then `param.*` that differ, seeds too, and every `metric.*`.

    Text that a spreadsheet would take for a formula gets an apostrophe in front; numbers are as they are.
    """
    runs = [run for group in comparison.groups for run in group.runs]
    ranks = {run.run_id: rank for rank, group in enumerate(comparison.groups, 1) for run in group.runs}
    seeds = sorted({key for run in runs for key in run.params if is_draw(key)})
    settings = [*differing(runs), *(key for key in seeds if len({run.params.get(key) for run in runs}) > 1)]
    metrics = sorted({key for run in runs for key in run.metrics})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*FIXED, *(safe(f"param.{key}") for key in settings), *(safe(f"metric.{key}") for key in metrics)])
    for run in runs:
        mine = run.settings()
        writer.writerow(
            [
                *_fixed(comparison, run, ranks[run.run_id]),
                *(safe(mine.get(key, "")) for key in settings),
                *("" if key not in run.metrics else repr(float(run.metrics[key])) for key in metrics),
            ]
        )
    return text.getvalue()


def safe(text: str) -> str:
    """Text that no spreadsheet executes."""
    return f"'{text}" if text.startswith(FORMULA) and as_number(text) is None else text


def _fixed(comparison: Comparison, run: StoredRun, rank: int) -> list[object]:
    reached, processor = comparison.reached[run.run_id], comparison.processor.get(run.run_id)
    return [
        rank,
        run.run_id,
        safe(run.name),
        safe(run.experiment),
        run.status,
        safe(run.reason),
        safe(run.error),
        datetime.fromtimestamp(run.started, UTC).isoformat(),
        "" if run.seconds is None else repr(run.seconds),
        "" if processor is None else repr(processor),
        safe(comparison.objective.metric),
        "" if reached.value is None else repr(reached.value),
        "" if reached.epoch is None else reached.epoch,
        "" if reached.value is None else "last" if reached.last else "best",
    ]
