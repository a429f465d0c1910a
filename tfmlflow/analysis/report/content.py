"""What the page of a comparison is told, as plain values for JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tfmlflow.analysis.aligned import AXES, Curve
from tfmlflow.analysis.comparison import Comparison
from tfmlflow.analysis.pair import Pair
from tfmlflow.analysis.report.picture import is_wide
from tfmlflow.analysis.runs.groups import Group
from tfmlflow.analysis.runs.stored_run import StoredRun, is_draw
from tfmlflow.analysis.terminal.pair_terminal import patches_said
from tfmlflow.analysis.wording import as_number, short_names

ERROR = 600  # characters of an error
PAIRS = 12  # configurations that the best is compared with, by name
PATCH = 4000  # lines of the patches' difference


def of(comparison: Comparison, curves: Sequence[Curve], metric: str, by: str, pair: Pair | None) -> dict[str, Any]:
    """The whole content; see `page.js` for how it is shown."""
    settings, runs = comparison.settings, comparison.runs
    names = short_names(settings)
    seeds = {key for run in runs for key in run.params if is_draw(key)}
    differences = comparison.significance.differences
    varied = sorted(key for key in seeds if len({run.params.get(key) for run in runs}) > 1)
    return {
        "headline": comparison.headline,
        "objective": asdict(comparison.objective),
        "experiments": list(dict.fromkeys(run.experiment for run in runs)),
        "runs": len(runs),
        "failed": len(comparison.failed),
        "estimated": comparison.estimated,
        "settings": [{"key": key, "name": names[key], "number": _numeric(comparison, key)} for key in settings],
        "seeds": varied,
        "groups": [_group(comparison, group, varied) for group in comparison.groups],
        "curves": [_curve(curve) for curve in curves],
        "curve": {"metric": metric, "by": by, "axis": AXES[by], "log": is_wide(curves)},
        "importance": {
            "said": comparison.importance.said,
            "items": [asdict(i) for i in comparison.importance.importances],
            "pairs": [asdict(i) for i in comparison.importance.pairs],
        },
        "significance": {
            "said": comparison.significance.said,
            "unit": comparison.significance.unit,
            "items": [asdict(one) | {"significant": one.significant} for one in differences[:PAIRS]],
            "told": sum(one.significant for one in differences),
            "of": len(differences),
        },
        "pair": None if pair is None else _pair(pair),
    }


def _group(comparison: Comparison, group: Group, seeds: Sequence[str]) -> dict[str, Any]:
    return {
        "label": group.label,
        "settings": [group.settings.get(key) for key in comparison.settings],
        "mean": _finite(group.mean),
        "spread": _finite(group.spread),
        "n": len(group.values),
        "epoch": group.best.epoch,
        "state": group.state,
        "seconds": _finite(group.seconds),
        "processor": _finite(group.processor),
        "runs": [_run(comparison, run, seeds) for run in group.runs],
    }


def _run(comparison: Comparison, run: StoredRun, seeds: Sequence[str]) -> dict[str, Any]:
    reached = comparison.reached[run.run_id]
    return {
        "id": run.run_id,
        "name": run.name,
        "value": _finite(reached.value),
        "last": reached.last,
        "epoch": reached.epoch,
        "state": run.state,
        "failed": run.status in ("FAILED", "KILLED"),
        "error": run.error[-ERROR:],
        "started": run.started,
        "seconds": _finite(run.seconds),
        "processor": _finite(comparison.processor.get(run.run_id)),
        "seeds": [run.params.get(key) for key in seeds],
    }


def _curve(curve: Curve) -> dict[str, Any]:
    return {
        "place": curve.place,
        "label": curve.label,
        "seeds": curve.seeds,
        "completed": curve.completed,
        "x": curve.x,
        "mean": curve.mean,
        "spread": curve.spread,
        "singles": [{"id": single.run_id, "x": single.x, "y": single.y} for single in curve.singles],
    }


def _pair(pair: Pair) -> dict[str, Any]:
    lines = pair.patch_lines
    return {
        "ids": [pair.first.run_id, pair.second.run_id],
        "names": [pair.first.name, pair.second.name],
        "params": [[key, *values] for key, values in pair.params.items()],
        "packages": None if pair.packages is None else [[key, *values] for key, values in pair.packages.items()],
        "code": [["commit", *pair.commits], ["data digest", *pair.data]],
        "patch": patches_said(pair),
        "lines": lines[:PATCH],
        "left": max(0, len(lines) - PATCH),
    }


def _numeric(comparison: Comparison, key: str) -> bool:
    values = {group.settings.get(key) for group in comparison.groups} - {None, "null", "None"}
    return bool(values) and all(as_number(value) is not None and math.isfinite(float(value or 0)) for value in values)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
