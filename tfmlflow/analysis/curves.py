"""Training curves as pictures: a metric's training and validation curve in one, the best epoch marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

COLOURS = {"train": "#1f6fb2", "val": "#d1541a"}
LABELLED = 200  # entries of a matrix whose numbers are written into it
NAMES = {"train": "training", "val": "validation"}


def draw(
    history: Mapping[str, Sequence[tuple[int, float]]],
    folder: Path,
    best_epoch: int | None,
    marks: Mapping[int, str] | None = None,
) -> list[Path]:
    """Draw each metric of `history` into a PNG file.

    Args:
        history: (epoch from 1, value) by MLflow's names, `train/loss`, `val/loss`.
        folder: Where to.
        best_epoch: Marked with a line.
        marks: What else is, by its epoch: a phase that begins with it.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, Path] = {}
    for metric in dict.fromkeys(key.split("/", 1)[1] for key in history):
        figure = Figure(figsize=(7, 4.2), dpi=110, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for part, colour in COLOURS.items():
            points = history.get(f"{part}/{metric}", ())
            if points:
                epochs, values = zip(*points, strict=True)
                marker = "o" if len(points) < 40 else ""
                axes.plot(epochs, values, color=colour, label=NAMES[part], marker=marker, markersize=3.5, linewidth=1.6)
        if best_epoch is not None:
            axes.axvline(best_epoch, color="0.45", linewidth=1, linestyle="--", label=f"best epoch ({best_epoch})")
        for epoch, what in (marks or {}).items():
            axes.axvline(epoch - 0.5, color="#3d8f5f", linewidth=1, linestyle=":")
            axes.annotate(
                what if len(what) <= 40 else f"{what[:39]}…",
                (epoch - 0.5, 0.02),
                xycoords=("data", "axes fraction"),
                xytext=(3, 0),
                textcoords="offset points",
                fontsize=8,
                rotation=90,
                va="bottom",
                color="#3d8f5f",
            )
        axes.set(title=metric, xlabel="epoch", ylabel=metric)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        file = _file(metric, folder, files)
        figure.savefig(file)
    return [*files.values()]


def draw_matrices(matrices: Mapping[str, np.ndarray[Any, Any]], folder: Path) -> list[Path]:
    """Draw each matrix, by MLflow's name of its metric, into a PNG file; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, Path] = {}
    for name, matrix in matrices.items():
        figure = Figure(figsize=(5.6, 4.8), dpi=110, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        picture = axes.imshow(matrix, cmap="Blues", interpolation="nearest")
        figure.colorbar(picture, ax=axes)
        if matrix.size <= LABELLED:
            middle = (float(np.nanmin(matrix)) + float(np.nanmax(matrix))) / 2
            for (row, column), value in np.ndenumerate(matrix):
                colour = "white" if value > middle else "black"
                axes.text(column, row, f"{value:.4g}", ha="center", va="center", color=colour, fontsize=8)
        axes.set(title=name, xlabel="column", ylabel="row")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        file = _file(name, folder, files)
        figure.savefig(file)
    return [*files.values()]


def _file(metric: str, folder: Path, files: dict[str, Path]) -> Path:
    """A file of a metric's own: `a/b` and `a_b` are two."""
    name = base = metric.replace("/", "_")
    number = 1
    while name in files:
        name = f"{base}_{(number := number + 1)}"
    files[name] = folder / f"{name}.png"
    return files[name]
