"""Compressed models of one origin: which of them no other beats in size, latency and what they reach at once."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from tfmlflow.analysis.runs.stored_run import StoredRun
from tfmlflow.objective import Objective
from tfmlflow.vocabulary import Tag

COLUMNS = ("size_bytes", "gzip_bytes", "sparsity", "latency_p50_ms", "latency_p95_ms", "latency32_p50_ms")
HEADS = {"size_bytes": "KB", "gzip_bytes": "gzip", "sparsity": "zeros", "latency_p50_ms": "ms"}
KEPT = {"accepted": "yes", "refused": "no"}


@dataclass(frozen=True)
class Point:
    """A model.

    Attributes:
        name: How it was made; `origin` of what all are made of.
        costs: By the names of `COLUMNS`.
        value, test: What it reaches on validation and test examples.
        verdict: accepted or refused; empty of the origin.
        unbeaten: Whether no other is at least as small, fast and good, and better in one of these.
    """

    name: str
    costs: dict[str, float]
    value: float
    test: float | None
    verdict: str = ""
    unbeaten: bool = False


@dataclass(frozen=True)
class Pareto:
    """All of them, the smallest first, by one metric of the validation examples."""

    metric: str
    mode: str
    points: tuple[Point, ...]

    @classmethod
    def of(cls, runs: Sequence[StoredRun]) -> Pareto | None:
        """From the runs of a sweep; None if none of them has compressed anything."""
        made = [run for run in runs if "compress/size_bytes" in run.metrics]
        if not made:
            return None
        name = str(made[0].params.get("objective.metric", "val/loss")).removeprefix("val/")
        if all("compress/val/accuracy" in run.metrics for run in made):
            name = "accuracy"
        made = [run for run in made if f"compress/val/{name}" in run.metrics]
        origins: dict[str, list[StoredRun]] = {}
        for run in made:
            origins.setdefault(run.tags.get(Tag.COMPRESSED_FROM, ""), []).append(run)
        several = len(origins) > 1
        points = [
            _point(f"origin {of[:8]}" if several else "origin", runs, "origin", name) for of, runs in origins.items()
        ]
        points += [
            _point(
                run.name.split(" of ")[0] + (f" of {run.tags.get(Tag.COMPRESSED_FROM, '')[:8]}" if several else ""),
                *([run], "compress", name),
                verdict=run.tags.get(Tag.COMPRESS, "").partition(":")[0],
            )
            for run in made
        ]
        first = made[0].params if made else {}
        said = first.get("objective.mode", "auto") if first.get("objective.metric") == f"val/{name}" else "auto"
        mode = Objective.of(f"val/{name}", str(said)).mode
        marked = [replace(one, unbeaten=_unbeaten(one, points, mode)) for one in points]
        return cls(f"val/{name}", mode, tuple(sorted(marked, key=lambda one: one.costs["size_bytes"])))

    def table(self) -> Table:
        """For a terminal."""
        made = Table(
            title="* no other is as small, as fast and as good", title_justify="left", box=SIMPLE, pad_edge=False
        )
        made.add_column("model", overflow="fold", min_width=16)
        for column in (*HEADS.values(), self.metric, "test"):
            made.add_column(column, justify="right", no_wrap=True)
        made.add_column("kept", no_wrap=True)
        for one in self.points:
            costs = (f"{_units(name, one.costs.get(name, float('nan'))):.3g}" for name in HEADS)
            test = "" if one.test is None else f"{one.test:.4g}"
            star = "*" if one.unbeaten else " "
            made.add_row(f"{star} {one.name}", *costs, f"{one.value:.4g}", test, KEPT.get(one.verdict, ""))
        return made

    def csv(self) -> str:
        """For a file."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["model", *COLUMNS, self.metric, "test", "verdict", "unbeaten"])
        for one in self.points:
            costs = [one.costs.get(name) for name in COLUMNS]
            writer.writerow([one.name, *costs, one.value, one.test, one.verdict, one.unbeaten])
        return text.getvalue()

    def draw(self, file: Path) -> None:
        """Write the picture, a PNG: what is reached against size, and against latency."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(12, 5), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        ways = (("size_bytes", "size in KB"), ("latency_p50_ms", "latency of one example in ms, median"))
        for axes, (cost, label) in zip(panels, ways, strict=True):
            self._panel(axes, cost, label)
        panels[0].set_ylabel(self.metric)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
        figure.savefig(file, dpi=110)

    def _panel(self, axes: Any, cost: str, label: str) -> None:
        from matplotlib.ticker import LogLocator, NullLocator

        looks = (
            ("origin", lambda one: not one.verdict, {"marker": "s", "color": "#444444"}),
            ("accepted", lambda one: one.verdict == "accepted", {"marker": "o", "color": "#1f6fb2"}),
            ("refused", lambda one: one.verdict == "refused", {"marker": "x", "color": "#d1541a"}),
        )
        for name, belongs, look in looks:
            chosen = [one for one in self.points if belongs(one)]
            if chosen:
                where = [_units(cost, one.costs[cost]) for one in chosen]
                axes.scatter(where, [one.value for one in chosen], label=name, s=45, zorder=3, **look)
        kept = sorted((one for one in self.points if one.unbeaten), key=lambda one: one.costs[cost])
        front = [one for one in kept if _alone(one, kept, cost, self.mode)]
        steps = [_units(cost, one.costs[cost]) for one in front]
        axes.plot(steps, [one.value for one in front], color="#1f6fb2", lw=1, alpha=0.5, label="best for its cost")
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        costs = [one.costs[cost] for one in self.points]
        middle = math.sqrt(min(costs) * max(costs))
        for place, one in enumerate(sorted(self.points, key=lambda one: one.costs[cost])):
            right = one.costs[cost] > middle
            axes.annotate(
                one.name,
                (_units(cost, one.costs[cost]), one.value),
                xytext=(-4 if right else 4, 7 if place % 2 else -13),
                textcoords="offset points",
                ha="right" if right else "left",
                size=8,
            )
        axes.set_xlabel(label)
        axes.margins(0.16, 0.14)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)


def _point(name: str, runs: Sequence[StoredRun], prefix: str, metric: str, verdict: str = "") -> Point:
    def one(key: str) -> float | None:
        found = [run.metrics[f"{prefix}/{key}"] for run in runs if f"{prefix}/{key}" in run.metrics]
        return median(found) if found else None

    costs = {key: value for key in COLUMNS if (value := one(key)) is not None}
    return Point(name, costs, float(one(f"val/{metric}") or 0.0), one(f"test/{metric}"), verdict)


def _units(name: str, value: float) -> float:
    return value / 1000 if name.endswith("_bytes") else value


def _unbeaten(mine: Point, points: Sequence[Point], mode: str) -> bool:
    if mine.verdict == "refused":
        return False
    return not any(_beats(other, mine, mode) for other in points if other.verdict != "refused")


def _beats(one: Point, other: Point, mode: str) -> bool:
    sign = -1 if mode == "max" else 1
    mine, theirs = (
        (each.costs["size_bytes"], each.costs["latency_p50_ms"], sign * each.value) for each in (one, other)
    )
    return all(a <= b for a, b in zip(mine, theirs, strict=True)) and mine != theirs


def _alone(one: Point, points: Sequence[Point], cost: str, mode: str) -> bool:
    sign = -1 if mode == "max" else 1
    mine = (one.costs[cost], sign * one.value)
    others = [(each.costs[cost], sign * each.value) for each in points if each is not one]
    return not any(a <= mine[0] and b <= mine[1] and (a, b) != mine for a, b in others)
