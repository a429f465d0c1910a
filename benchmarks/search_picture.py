"""The picture of `search.py`: the best objective so far, against the trials and against the epochs trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

COLOURS = ("#9a9a9a", "#3b7dd8", "#e08214", "#1b9e77")  # told apart by the colour-blind too
STYLES = (":", "--", "-", "-.")


@dataclass(frozen=True)
class Trial:
    """A trial of a sweep.

    Attributes:
        value: Best validation loss; None if it was pruned or failed.
        test: Accuracy on the test set, of the weights of that epoch.
        epochs: That were trained.
    """

    value: float | None
    test: float | None
    epochs: int


def best_so_far(trials: list[Trial]) -> list[float]:
    """After each trial; infinite while there is none."""
    return list(accumulate((math.inf if trial.value is None else trial.value for trial in trials), min))


def draw(sweeps: dict[str, list[list[Trial]]], file: Path) -> None:
    """Two panels: median of the repetitions, and a band from the least to the most."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.6), sharey=True, layout="constrained")
    for (strategy, repetitions), colour, style in zip(sweeps.items(), COLOURS, STYLES, strict=True):
        look = {"color": colour, "linestyle": style, "label": strategy}
        curves = np.array([best_so_far(trials) for trials in repetitions])
        band(left, np.arange(1, curves.shape[1] + 1), curves, look)
        ends = [np.cumsum([trial.epochs for trial in trials]) for trials in repetitions]
        places = np.arange(1, int(np.median([end[-1] for end in ends])) + 1)
        band(right, places, np.array([at(places, end, best) for end, best in zip(ends, curves, strict=True)]), look)
    left.set(xlabel="trials", ylabel="best val/loss so far", title="By trials")
    right.set(xlabel="epochs trained, over all trials", title="By epochs trained")
    for axes in (left, right):
        axes.set_yscale("log")
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
        axes.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False)
    count = len(next(iter(sweeps.values())))
    figure.suptitle(f"What a sweep has found (thick: median of {count} repetitions, thin: best and worst of them)")
    figure.savefig(file, dpi=130)
    pyplot.close(figure)


def band(axes: Any, places: np.ndarray, curves: np.ndarray, look: dict[str, str]) -> None:
    """One strategy; where a repetition has found nothing yet, nothing is drawn."""
    curves = np.where(np.isfinite(curves).all(axis=0), curves, np.nan)
    axes.plot(places, np.median(curves, axis=0), drawstyle="steps-post", linewidth=2, **look)
    least, most = curves.min(axis=0), curves.max(axis=0)
    axes.fill_between(places, least, most, step="post", color=look["color"], alpha=0.08, linewidth=0)
    for edge in (least, most):
        axes.plot(places, edge, drawstyle="steps-post", linewidth=0.7, alpha=0.6, color=look["color"])


def at(places: np.ndarray, ends: np.ndarray, best: np.ndarray) -> np.ndarray:
    """What was the best after so many epochs, if trials have ended after `ends` epochs."""
    index = np.searchsorted(ends, places, side="right") - 1
    return np.where(index < 0, np.inf, best[np.maximum(index, 0)])
