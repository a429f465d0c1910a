"""Draws the pictures of architecture.md: processes with their files, and the layers as `pyproject.toml` has them.

python docs/draw_architecture.py
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

HERE = Path(__file__).parent
IMAGES = HERE / "images"
INK, PAPER = "#22303c", "white"
PROCESS, THREAD, FILE, STORE = "#e8f0fb", "#ffffff", "#fdf3dc", "#e4f3e4"


def main() -> None:
    """Write both."""
    processes().savefig(IMAGES / "architecture.png", dpi=110, facecolor=PAPER)
    layers().savefig(IMAGES / "layers.png", dpi=110, facecolor=PAPER)


def processes() -> Figure:
    """A training, the spool, the shipper and the store."""
    figure, axes = canvas(12.0, 5.6)
    box(axes, 0.2, 0.5, 3.6, 4.8, "training process", PROCESS, top=True)
    box(axes, 0.5, 3.6, 3.0, 1.1, "training thread\nfit, loop or your own; callback,\nSession, Outbox", THREAD)
    box(axes, 0.5, 2.2, 3.0, 0.9, "journal thread\nwrites at most every 0.5 s", THREAD)
    box(axes, 0.5, 0.8, 3.0, 0.9, "checkpoint thread\nwrites copies of the weights", THREAD)
    box(axes, 4.6, 0.5, 2.4, 4.8, "spool, on this disk", FILE, top=True)
    box(axes, 4.8, 3.55, 2.0, 1.1, "journal,\nessentials", THREAD)
    box(axes, 4.8, 2.2, 2.0, 0.9, "cursor, trouble", THREAD)
    box(axes, 4.8, 0.8, 2.0, 0.9, "files/: models,\ncheckpoints", THREAD)
    box(axes, 7.8, 0.5, 2.2, 4.8, "shipper process", PROCESS, top=True)
    box(axes, 8.0, 2.6, 1.8, 2.0, "main thread\nfollows runs,\nwatches trainers,\nends runs", THREAD)
    box(axes, 8.0, 0.8, 1.8, 1.2, "upload thread\nfiles and\nmodels", THREAD)
    box(axes, 10.7, 0.5, 1.2, 4.8, "MLflow\nstore", STORE)
    arrow(axes, 2.0, 3.6, 2.0, 3.12, "records")
    arrow(axes, 3.5, 2.8, 4.8, 3.8, "")
    arrow(axes, 3.5, 1.25, 4.8, 1.25, "")
    arrow(axes, 6.8, 4.1, 8.0, 4.1, "read")
    arrow(axes, 8.0, 2.9, 6.8, 2.7, "")
    arrow(axes, 6.8, 1.25, 8.0, 1.25, "read")
    arrow(axes, 9.8, 3.6, 10.7, 3.6, "")
    arrow(axes, 9.8, 1.4, 10.7, 1.4, "")
    return figure


def layers() -> Figure:
    """Who may import whom: each row those below it."""
    contracts = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    stacks = [(contract["name"], contract["layers"]) for contract in contracts if contract["type"] == "layers"]
    most = max(len(rows) for _, rows in stacks)
    figure, axes = canvas(3.1 * len(stacks), 0.55 * most + 1.0, 3.1 * len(stacks), 0.62 * most + 0.9)
    for number, (name, rows) in enumerate(stacks):
        left, top = 3.1 * number + 0.1, 0.62 * most + 0.2
        words = name.removeprefix("One direction").removeprefix(" within ").removeprefix("a ").removeprefix("the ")
        axes.text(
            left + 1.4,
            top + 0.45,
            words or "tfmlflow",
            ha="center",
            va="center",
            fontsize=9.5,
            color=INK,
            weight="bold",
        )
        for place, row in enumerate(rows):
            words = row.replace("tfmlflow.", "").replace(" | ", "  ·  ")
            size = 8.5 if len(words) < 34 else 7
            box(axes, left, top - 0.62 * (place + 1) + 0.35, 2.8, 0.5, words, PROCESS, size=size)
    return figure


def canvas(width: float, height: float, x: float | None = None, y: float | None = None) -> tuple[Figure, Any]:
    """A picture in inches, with axes that nobody sees."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlim(0, x or width)
    axes.set_ylim(0, y or height)
    axes.axis("off")
    return figure, axes


def box(
    axes: Any,
    left: float,
    bottom: float,
    width: float,
    height: float,
    words: str,
    fill: str,
    *,
    top: bool = False,
    size: float = 9,
) -> None:
    """With its name in the middle, or at the top."""
    style = "round,pad=0,rounding_size=0.08"
    axes.add_patch(FancyBboxPatch((left, bottom), width, height, boxstyle=style, facecolor=fill, edgecolor=INK, lw=0.9))
    y, va = (bottom + height - 0.12, "top") if top else (bottom + height / 2, "center")
    weight = "bold" if top else "normal"
    axes.text(left + width / 2, y, words, ha="center", va=va, fontsize=size, color=INK, weight=weight)


def arrow(axes: Any, x: float, y: float, to_x: float, to_y: float, words: str) -> None:
    """From one point to another."""
    style = {"arrowstyle": "-|>", "color": INK, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (to_x, to_y), (x, y), arrowprops=style)
    down = x == to_x
    place = (x + 0.1, (y + to_y) / 2) if down else ((x + to_x) / 2, (y + to_y) / 2 + 0.1)
    axes.text(*place, words, ha="left" if down else "center", va="center" if down else "bottom", fontsize=8, color=INK)


if __name__ == "__main__":
    main()
