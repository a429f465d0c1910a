"""The picture of a range test: the loss at each learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfmlflow.trainer.range_test.suggestion import Suggestion

ROOM = 1.3  # of the losses that are shown, times their range: one that explodes would press all others flat


def draw(rates: Sequence[float], losses: Sequence[float], found: Suggestion, title: str, file: Path) -> None:
    """Write the picture to `file`, a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.plot(rates, losses, color="#1f6fb2", alpha=0.3, linewidth=1, label="of each step")
    axes.plot(rates[: len(found.smoothed)], found.smoothed, color="#1f6fb2", linewidth=2, label="smoothed")
    if found.steepest is not None and found.lowest is not None:
        axes.axvline(found.steepest, color="#d1495b", label=f"falls fastest at {found.steepest:.3g}")
        axes.axvline(found.lowest, color="#888888", linestyle=":", label=f"lowest at {found.lowest:.3g}")
    axes.set_xscale("log")
    known = np.asarray(losses)[np.isfinite(losses)]
    if known.size and len(found.smoothed):
        low = float(min(found.smoothed.min(), np.quantile(known, 0.02)))
        high = float(np.quantile(known[: max(1, len(known) // 2)], 0.98))
        reach = max(high - low, 1e-9)
        axes.set_ylim(low - 0.1 * reach, low + ROOM * reach)
    axes.set_xlabel("learning rate, logarithmic")
    axes.set_ylabel("loss")
    axes.set_title(title, loc="left", size=10)
    axes.grid(alpha=0.25, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(file)
