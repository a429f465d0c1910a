"""The folder of a job, which may be one that is full of somebody's files."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tfmlflow import whole_file
from tfmlflow.errors import UsageError
from tfmlflow.job import report

WRITTEN = {"status", "reason", "run_id", "best_epoch", "seconds"}  # in every report of ours
CHECKPOINTS, INDEX = "checkpoints", "index.json"


def require_own(folder: Path, said: str) -> None:
    """Refuse to replace what no training has left there.

    Args:
        folder: May be missing.
        said: How it was given.

    Raises:
        UsageError: A file of another kind has the name of one of ours.
    """
    mine = folder / report.FILE
    if mine.exists() and not whole_file.read(mine).keys() >= WRITTEN:
        raise UsageError(_would_be_replaced(said, report.FILE))
    kept = folder / CHECKPOINTS
    written = sorted(kept.glob("step-*.npz")) if kept.is_dir() else []
    if (kept / INDEX).exists() and not _is_index(kept / INDEX):
        raise UsageError(_would_be_replaced(said, f"{CHECKPOINTS}/{INDEX}"))
    if written and not (kept / INDEX).exists() and not mine.exists():
        raise UsageError(_would_be_replaced(said, f"{CHECKPOINTS}/{written[0].name}"))


def _would_be_replaced(said: str, file: str) -> str:
    return f"{said}: {file} there was not left by a training, and would be replaced; move it or name another folder"


def _is_index(file: Path) -> bool:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, list) and all(
        isinstance(entry, dict) and re.fullmatch(r"step-\d+\.npz", str(entry.get("file"))) for entry in found
    )
