"""A comparison as a picture: curves with the spread over seeds, or what each configuration reached."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tfmlflow.analysis.aligned import AXES, Curve
from tfmlflow.analysis.comparison import Comparison
from tfmlflow.analysis.runs.groups import told_apart
from tfmlflow.analysis.wording import cut, number, plain

COLOURS = ("#1f6fb2", "#d1541a", "#2a8f4e", "#8a4fb5", "#b8860b", "#c2387a", "#3aa6a6", "#6b6b6b")
MOST = len(COLOURS)


def png(comparison: Comparison, curves: Sequence[Curve], metric: str, by: str) -> bytes:
    """Draw the best configurations.

    Args:
        comparison: Of the runs.
        curves: Of `metric`.
        metric: What the curves show.
        by: What they are aligned by.
    """
    figure = Figure(figsize=(8, 5.4), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if any(len(single.x) > 1 for curve in curves for single in curve.singles):
        _curves(axes, curves[:MOST], metric, by, comparison.significance.unit)
    else:
        _values(axes, comparison)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def is_wide(curves: Sequence[Curve]) -> bool:
    """Whether values are so far apart that a logarithmic axis shows them better."""
    values = sorted(y for curve in curves for single in curve.singles for y in single.y)
    return bool(values) and values[0] > 0 and values[-1] / values[0] > 30


def _curves(axes: Any, curves: Sequence[Curve], metric: str, by: str, unit: str) -> None:
    for curve, colour in zip(curves, COLOURS, strict=False):
        label = f"#{curve.place + 1} {_said(curve.label, 60)}" + (f" ({curve.seeds} {unit})" if curve.seeds > 1 else "")
        several = len(curve.singles) > 1
        marker = "o" if len(curve.x) < 40 else ""
        for single in curve.singles if several else ():
            axes.plot(single.x, single.y, color=colour, alpha=0.3, linewidth=0.7)
        axes.plot(
            curve.x,
            curve.mean,
            color=colour,
            label=label,
            linewidth=1.8,
            marker=marker,
            markersize=3,
            linestyle="-" if curve.completed else ":",
        )
        if curve.seeds > 1:
            low = [mean - spread for mean, spread in zip(curve.mean, curve.spread, strict=True)]
            high = [mean + spread for mean, spread in zip(curve.mean, curve.spread, strict=True)]
            axes.fill_between(curve.x, low, high, color=colour, alpha=0.15, linewidth=0)
    if is_wide(curves):
        axes.set_yscale("log")
        lowest = min(y for curve in curves for single in curve.singles for y in single.y)
        axes.set_ylim(bottom=max(axes.get_ylim()[0], lowest / 2))
    band = f"; band: standard deviation over {unit}" if any(curve.seeds > 1 for curve in curves) else ""
    axes.set_title(f"{_said(metric, 60)}{band}", loc="left", fontsize=11)
    axes.set(xlabel=AXES[by], ylabel=_said(metric, 40))
    if by != "time":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=1 + (len(curves) > 4))


def _values(axes: Any, comparison: Comparison) -> None:
    """Dots instead of curves, for metrics of one value a run."""
    groups = [group for group in comparison.groups if group.mean is not None][:20]
    for row, group in enumerate(groups):
        points = group.values or ((group.mean,) if group.mean is not None else ())
        axes.plot(points, [row] * len(points), "o", color=COLOURS[0], alpha=0.5, markersize=5)
        axes.plot([group.mean], [row], "|", color=COLOURS[1], markersize=16, markeredgewidth=2)
    said = told_apart(groups)
    labels = [f"#{row + 1} {_said(said[row], 48)}  {number(group.mean)}" for row, group in enumerate(groups)]
    axes.set_yticks(range(len(groups)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_title(
        f"{_said(comparison.objective.metric, 60)}; a dot a run, the line their mean", loc="left", fontsize=11
    )
    axes.set_xlabel(_said(comparison.objective.metric, 40))


def _said(text: str, width: int) -> str:
    """Text that matplotlib does not take for a formula."""
    return cut(plain(text), width).replace("$", r"\$")
