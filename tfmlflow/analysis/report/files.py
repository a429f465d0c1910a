"""Writes a comparison into a folder."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient

from tfmlflow.analysis import aligned
from tfmlflow.analysis import pair as pairs
from tfmlflow.analysis.comparison import Comparison
from tfmlflow.analysis.pair import Pair
from tfmlflow.analysis.report import page, picture, spreadsheet
from tfmlflow.vocabulary import File


@dataclass(frozen=True)
class Files:
    """Where the files of a report are."""

    html: Path
    csv: Path
    png: Path


def write(
    comparison: Comparison, client: MlflowClient, folder: Path, title: str = "comparison", by: str = "epoch"
) -> Files:
    """Write `report.html`, `table.csv` and `curves.png`.

    Args:
        comparison: Of the runs.
        client: Of their store, for the points of curves.
        folder: Where to; made if it is not there.
        title: Of the page.
        by: What curves are aligned by: `epoch`, `step` or `time`.
    """
    files = Files(folder / File.REPORT, folder / "table.csv", folder / "curves.png")
    pair = pairs.read(client, *comparison.runs) if len(comparison.runs) == 2 else None
    export(comparison, client, title, by, pair, html=files.html, csv=files.csv, png=files.png)
    return files


def export(
    comparison: Comparison,
    client: MlflowClient,
    title: str,
    by: str = "epoch",
    pair: Pair | None = None,
    html: Path | None = None,
    csv: Path | None = None,
    png: Path | None = None,
) -> list[Path]:
    """Write the files that are named; returns them.

    Args:
        comparison: Of the runs.
        client: Of their store, for the points of curves.
        title: Of the page.
        by: What curves are aligned by: `epoch`, `step` or `time`.
        pair: What two runs do not share, if there are two.
        html, csv, png: Where to.

    Raises:
        OSError: A file cannot be written.
    """
    written = []
    shown = aligned.metric_of(comparison.objective, comparison.runs)
    curves = aligned.curves(client, comparison.groups, shown, by) if html or png else []
    if html is not None:
        written.append(whole(html, page.html(comparison, curves, shown, by, title, pair).encode()))
    if csv is not None:
        written.append(whole(csv, spreadsheet.csv_text(comparison).encode()))
    if png is not None:
        written.append(whole(png, picture.png(comparison, curves, shown, by)))
    return written


def whole(file: Path, content: bytes) -> Path:
    """Write a file that is there as a whole or not at all; returns it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as open_file:
            open_file.write(content)
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return file
