"""What the page of a run is told, as plain values for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmlflow.analysis.predictions import classification, regression
from tfmlflow.analysis.predictions.classified import Classified
from tfmlflow.analysis.predictions.regression import DOTS, Regressed
from tfmlflow.analysis.wording import plain

HEAT = 100  # classes whose confusions are all shown
OUTPUTS = 8  # of a regression
POINTS = 1000  # of a curve
NAMES = {"train": "training", "val": "validation"}
WORD = 2000  # characters of a value


def curves(
    history: Mapping[str, Sequence[tuple[int, float]]], rates: Sequence[tuple[int, float]]
) -> list[dict[str, Any]]:
    """Training and validation curve of each metric, and the learning rate.

    Args:
        history: (epoch from 1, value) by MLflow's names, `train/loss`, `val/loss`.
        rates: (epoch, learning rate).
    """
    made = []
    for metric in dict.fromkeys(key.split("/", 1)[1] for key in history):
        parts = {part: history.get(f"{part}/{metric}", ()) for part in NAMES}
        made.append({"metric": metric, "series": [_series(NAMES[part], said) for part, said in parts.items() if said]})
    if rates:
        made.append({"metric": "learning rate", "series": [_series("learning rate", rates)]})
    return made


def _series(name: str, points: Sequence[tuple[int, float]]) -> dict[str, Any]:
    every = -(-len(points) // POINTS)
    some = points[::every]
    return {"name": name, "x": [x for x, _ in some], "y": [finite(y) for _, y in some]}


def classes(of: Classified, counts: NDArray[np.int64], roc: Any, precision_recall: Any) -> dict[str, Any]:
    """Of a classification.

    Args:
        of: The examples.
        counts: Confusions `(true, chosen)`.
        roc, precision_recall: As of `classification.curves`.
    """
    each, names = classification.by_class(counts), of.names
    calibrated = classification.calibration(of) if of.probable else None
    return {
        "names": names,
        "counts": counts.tolist() if len(names) <= HEAT else None,
        "rows": [
            [
                name,
                *(finite(each[kind][place]) for kind in ("precision", "recall", "f1")),
                int(each["support"][place]),
                *(made[place].area if place in made else None for made in (roc, precision_recall)),
            ]
            for place, name in enumerate(names)
        ],
        "summary": [[name, finite(value)] for name, value in classification.summary(of, counts, roc).items()],
        "confused": [
            [names[true], names[chosen], count] for true, chosen, count in classification.most_confused(counts)
        ],
        "roc": _rates(roc, names),
        "precision_recall": _rates(precision_recall, names),
        "calibration": None
        if calibrated is None
        else {
            "edges": calibrated.edges.tolist(),
            "counts": calibrated.counts.tolist(),
            "confidence": list(map(finite, calibrated.confidence)),
            "accuracy": list(map(finite, calibrated.accuracy)),
            "error": calibrated.error,
        },
    }


def _rates(made: Mapping[int, classification.Curve], names: Sequence[str]) -> dict[str, Any]:
    drawn = classification.drawn(dict(made))
    found = []
    for place, curve in drawn.items():
        x, y = classification.thinned(curve)
        found.append({"name": names[place], "x": _short(x), "y": _short(y), "area": curve.area})
    return {"curves": found, "of": len(made)}


def numbers(of: Regressed, names: Sequence[str]) -> list[dict[str, Any]]:
    """Of a regression, an entry an output."""
    made = []
    for output in range(min(of.true.shape[1], OUTPUTS)):
        counts, edges = regression.histogram(of, output)
        made.append(
            {
                "name": names[output],
                "summary": [[name, finite(value)] for name, value in regression.summary(of, output).items()],
                "true": _short(of.true[:DOTS, output]),
                "predicted": _short(of.predicted[:DOTS, output]),
                "counts": counts.tolist(),
                "edges": _short(edges),
            }
        )
    return made


def by_epoch(names: Sequence[str], counts: Mapping[int, NDArray[np.int64]]) -> dict[str, Any]:
    """What each class had reached after some epochs.

    Args:
        names: Of the classes.
        counts: Confusions `(true, chosen)` by epoch.
    """
    epochs = sorted(counts)
    each = [classification.by_class(counts[epoch]) for epoch in epochs]
    kinds = ("recall", "precision", "f1")
    return {
        "epochs": epochs,
        "names": list(names),
        "values": {kind: [[finite(one) for one in said[kind]] for said in each] for kind in kinds},
    }


def facts(values: Mapping[str, Any]) -> list[list[str]]:
    """What is known, by name; without what is not."""
    return [[name, plain(str(value))[:WORD]] for name, value in values.items() if value not in (None, "", ())]


def diagnoses(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The findings of a diagnosis, as text: `rule`, `sentence`, `evidence`, `confidence` and `advice`."""
    return [
        {
            "rule": str(one.get("rule", "")),
            "sentence": str(one.get("sentence", "")),
            "evidence": _said(one.get("evidence")),
            "confidence": _said(one.get("confidence")),
            "advice": _said(one.get("advice")),
        }
        for one in found
    ]


def _said(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_said(one)}" for key, one in value.items())[:WORD]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "; ".join(map(_said, value))[:WORD]
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:WORD]


def finite(value: Any) -> float | None:
    """A number for JSON, which has no NaN."""
    return float(value) if value is not None and math.isfinite(value) else None


def _short(values: Any) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
