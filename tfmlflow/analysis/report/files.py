"""Writes a comparison into a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient

from tfmlflow import whole_file
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
        written.append(_whole(html, page.html(comparison, curves, shown, by, title, pair).encode()))
    if csv is not None:
        written.append(_whole(csv, spreadsheet.csv_text(comparison).encode()))
    if png is not None:
        written.append(_whole(png, picture.png(comparison, curves, shown, by)))
    return written


def _whole(file: Path, content: bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file.replacing(file, mode=0o666, durable=False) as stream:
        stream.write(content)
    return file
