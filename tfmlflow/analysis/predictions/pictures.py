"""Predictions as pictures, under the names that `mlflow.evaluate` gives to such."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tfmlflow.analysis.predictions import classification
from tfmlflow.analysis.predictions.classification import Calibration, Curve
from tfmlflow.analysis.predictions.regression import DOTS, Regressed
from tfmlflow.analysis.wording import cut, plain

CONFUSION, ROC, PRECISION_RECALL = "confusion_matrix.png", "roc_curve_plot.png", "precision_recall_curve_plot.png"
CALIBRATION, PREDICTED, RESIDUALS = "calibration_curve_plot.png", "predicted_vs_true.png", "residuals.png"
COLOUR, OTHER = "#1f6fb2", "0.6"
NAMED = 40  # classes whose names stand at a matrix
WRITTEN = 12  # classes whose counts stand in a matrix


def confusion_matrix(counts: NDArray[np.int64], names: Sequence[str], file: Path) -> Path:
    """Counts `(true, chosen)`, each row's colour by its share."""
    room = 0.035 * min(18, max(map(len, names), default=1)) if len(names) <= NAMED else 0.1
    figure, axes = _new(6.0 + 2 * room, 5.2 + 2 * room, left=0.1 + room / 3, bottom=0.1 + room / 3)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    if len(names) <= WRITTEN:
        for (row, column), count in np.ndenumerate(counts):
            if not count:
                continue
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=colour, fontsize=8)
    if len(names) <= NAMED:
        short = [_said(name, 18) for name in names]
        turned = 90 if max(map(len, short)) > 3 else 0
        axes.set_xticks(range(len(names)), short, rotation=turned, fontsize=8)
        axes.set_yticks(range(len(names)), short, fontsize=8)
    axes.set(xlabel="predicted", ylabel="true")
    return _saved(figure, file)


def curves(made: dict[int, Curve], names: Sequence[str], axes_named: tuple[str, str], file: Path) -> Path:
    """A curve for each class, with its area."""
    figure, axes = _new(6.0, 5.0)
    for place, curve in made.items():
        x, y = classification.thinned(curve)
        axes.plot(x, y, linewidth=1.5, label=f"{_said(names[place], 24)}: {curve.area:.4f}")
    if axes_named[0].startswith("false"):
        axes.plot([0, 1], [0, 1], color=OTHER, linestyle=":", linewidth=1)
    axes.set(xlabel=axes_named[0], ylabel=axes_named[1], xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.legend(title="area", frameon=False, fontsize=8)
    return _saved(figure, file)


def calibration_curve(of: Calibration, file: Path) -> Path:
    """Accuracy by confidence, and how many examples each bin has."""
    figure, axes = _new(6.0, 5.0)
    there = of.counts > 0
    width = np.diff(of.edges)[0]
    axes.bar(
        of.edges[:-1], of.counts / of.counts.sum(), width, align="edge", color=COLOUR, alpha=0.15, label="examples"
    )
    axes.plot([0, 1], [0, 1], color=OTHER, linestyle=":", linewidth=1)
    axes.plot(of.confidence[there], of.accuracy[there], "o-", color=COLOUR, label="accuracy")
    axes.set(xlabel="confidence", ylabel="accuracy; share of examples", xlim=(0, 1), ylim=(0, 1.02))
    axes.set_title(f"expected calibration error {of.error:.4f}", loc="left", fontsize=10)
    axes.legend(frameon=False, fontsize=8)
    return _saved(figure, file)


def predicted_vs_true(of: Regressed, names: Sequence[str], file: Path) -> Path:
    """Predicted by true numbers, the first outputs beside each other."""
    figure, beside = _beside(of, 4.8)
    for output, axes in enumerate(beside):
        true, predicted = of.true[:DOTS, output], of.predicted[:DOTS, output]
        ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
        axes.plot(ends, ends, color=OTHER, linestyle=":", linewidth=1)
        axes.scatter(true, predicted, s=12, alpha=0.6, color=COLOUR, linewidths=0)
        axes.set(xlabel="true", ylabel="predicted", title=_said(names[output], 30))
    return _saved(figure, file)


def residuals(of: Regressed, names: Sequence[str], file: Path) -> Path:
    """Predicted minus true by what was predicted."""
    figure, beside = _beside(of, 4.4)
    for output, axes in enumerate(beside):
        axes.axhline(0, color=OTHER, linestyle=":", linewidth=1)
        axes.scatter(
            of.predicted[:DOTS, output],
            of.residuals[:DOTS, output],
            s=12,
            alpha=0.6,
            color=COLOUR,
            linewidths=0,
        )
        axes.set(xlabel="predicted", ylabel="predicted minus true", title=_said(names[output], 30))
    return _saved(figure, file)


def _new(width: float, height: float, left: float = 0.12, bottom: float = 0.11) -> tuple[Figure, Any]:
    """A figure whose margins are fixed: to find them by drawing takes twice the time."""
    figure = Figure(figsize=(width, height), dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((left, bottom, 0.97 - left, 0.93 - bottom))
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _beside(of: Regressed, height: float) -> tuple[Figure, list[Any]]:
    """A figure with axes for each of the first outputs."""
    shown = min(of.true.shape[1], 4)
    figure = Figure(figsize=(4.6 * shown + 1, height), dpi=110)
    FigureCanvasAgg(figure)
    figure.subplots_adjust(left=0.55 / figure.get_figwidth() + 0.04, right=0.97, bottom=0.12, top=0.91, wspace=0.3)
    return figure, [figure.add_subplot(1, shown, output + 1) for output in range(shown)]


def _said(name: str, width: int) -> str:
    """A name that matplotlib does not take for a formula."""
    return cut(plain(name), width).replace("$", r"\$")


def _saved(figure: Figure, file: Path) -> Path:
    figure.savefig(file)
    return file
