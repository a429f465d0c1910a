"""The picture of a profile: where the time of the whole training goes, and the two ceilings."""

from __future__ import annotations

import textwrap
from pathlib import Path

from tfmlflow.profile.measured import PARTS, Measured

COLOURS = ("#7f7f7f", "#d62728", "#ff9896", "#2ca02c", "#ff7f0e", "#9467bd", "#1f77b4", "#17becf", "#c7c7c7")
SHOWN = 0.04  # share from which on a part has room for its number


def draw(measured: Measured, sentence: str, file: Path) -> None:
    """Write the picture to `file`, a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    whole, step = figure.subplots(2, 1, height_ratios=(1, 1.8))
    left = 0.0
    for name, colour in zip(PARTS, COLOURS, strict=True):
        share = measured.shares[name]
        whole.barh([0], [100 * share], left=100 * left, color=colour, label=f"{name} {share:.1%}")
        if share >= SHOWN:
            whole.text(100 * (left + share / 2), 0, f"{share:.0%}", ha="center", va="center", color="white", size=10)
        left += share
    whole.set_yticks([])
    whole.set_xlim(0, 100)
    whole.set_xlabel(f"% of the whole training, {measured.whole:.3g} s")
    whole.set_title(textwrap.fill(sentence, 105), loc="left", size=10)
    figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    rows = {
        "pipeline alone": measured.pipeline,
        "step on one batch": measured.cached,
        "step with its data": measured.bare,
        "step in the training": measured.step,
    }
    bars = step.barh(list(rows), [1000 * seconds for seconds in rows.values()], color="#4c78a8")
    step.bar_label(bars, [f"{1000 * seconds:.3g} ms" for seconds in rows.values()], padding=3)
    step.margins(x=0.12)
    step.set_xlabel("ms a step")
    for axes in (whole, step):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=110)
