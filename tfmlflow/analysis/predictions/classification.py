"""How well classes are told apart: by class, over all thresholds, and whether probabilities mean what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmlflow.analysis.predictions.classified import Classified

BINS = 10  # of confidence
DRAWN = 10  # classes that have a curve; of more, those with the smallest area
AREAS = 200  # classes of which areas are reckoned
POINTS = 200  # of a curve


@dataclass(frozen=True)
class Curve:
    """Two rates over all thresholds, `(points,)` each, and the area below by the trapezoidal rule."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    area: float


@dataclass(frozen=True)
class Calibration:
    """Confidence beside accuracy, in bins of equal width.

    Attributes:
        edges: `(BINS + 1,)`.
        counts, confidence, accuracy: Of each bin; the means are NaN where it is empty.
        error: Expected calibration error: their mean distance, weighted by counts (arXiv:1706.04599).
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    error: float


def confusion(of: Classified) -> NDArray[np.int64]:
    """Counts, int64 `(true, chosen)`."""
    from sklearn.metrics import confusion_matrix

    counts: NDArray[np.int64] = confusion_matrix(of.true, of.chosen, labels=np.arange(len(of.names)))
    return counts


def by_class(counts: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Precision, recall, F1 and support of each class, `(classes,)` each; 0 where there is nothing to divide by.

    Args:
        counts: `(true, chosen)`, which tell all of it: so that they can be those of an earlier epoch.
    """
    hits = np.diag(counts).astype(np.float64)
    support, chosen = counts.sum(axis=1), counts.sum(axis=0)
    precision, recall = _ratio(hits, chosen), _ratio(hits, support)
    f1 = _ratio(2 * hits, support + chosen)
    return {"precision": precision, "recall": recall, "f1": f1, "support": support}


def _ratio(part: NDArray[np.float64], of: NDArray[Any]) -> NDArray[np.float64]:
    share: NDArray[np.float64] = np.divide(part, of, out=np.zeros_like(part), where=of > 0)
    return share


def roc(of: Classified, place: int) -> Curve | None:
    """False positive rate and true positive rate of a class against all others; None where one side is missing."""
    from sklearn.metrics import auc, roc_curve

    positive = of.true == place
    if positive.all() or not positive.any():
        return None
    x, y, _ = roc_curve(positive, of.shares[:, place])
    return Curve(x, y, float(auc(x, y)))


def precision_recall(of: Classified, place: int) -> Curve | None:
    """Recall and precision of a class against all others; None where it has no example."""
    from sklearn.metrics import auc, precision_recall_curve

    positive = of.true == place
    if not positive.any() or positive.all():
        return None
    precision, recall, _ = precision_recall_curve(positive, of.shares[:, place])
    return Curve(recall, precision, float(auc(recall, precision)))


def curves(of: Classified) -> tuple[dict[int, Curve], dict[int, Curve]]:
    """ROC and precision-recall curves by class; of two classes those of the second alone."""
    places = [1] if len(of.names) == 2 else range(min(len(of.names), AREAS))
    first = {place: made for place in places if (made := roc(of, place)) is not None}
    second = {place: made for place in places if (made := precision_recall(of, place)) is not None}
    return first, second


def drawn(all_curves: dict[int, Curve]) -> dict[int, Curve]:
    """Those that are shown, the smallest areas first where they are too many."""
    if len(all_curves) <= DRAWN:
        return all_curves
    chosen = sorted(all_curves, key=lambda place: all_curves[place].area)[:DRAWN]
    return {place: all_curves[place] for place in chosen}


def thinned(curve: Curve) -> tuple[list[float], list[float]]:
    """At most `POINTS` points of it."""
    if len(curve.x) > POINTS:
        some = np.unique(np.linspace(0, len(curve.x) - 1, POINTS).round().astype(int))
        return curve.x[some].tolist(), curve.y[some].tolist()
    return curve.x.tolist(), curve.y.tolist()


def calibration(of: Classified, bins: int = BINS) -> Calibration:
    """Whether the share of the chosen class is how often it is right."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    confidence, right = of.confidence, of.chosen == of.true
    place = np.clip(np.digitize(confidence, edges[1:-1], right=True), 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = np.bincount(place, confidence, bins) / counts
        accuracy = np.bincount(place, right, bins) / counts
    gaps = np.nan_to_num(np.abs(means - accuracy))
    return Calibration(edges, counts, means, accuracy, float((gaps * counts).sum() / max(1, counts.sum())))


def summary(of: Classified, counts: NDArray[np.int64], areas: dict[int, Curve]) -> dict[str, float]:
    """Numbers of all classes together."""
    each = by_class(counts)
    there = each["support"] > 0
    said = {
        "accuracy": float(np.trace(counts) / counts.sum()),
        "balanced accuracy": float(each["recall"][there].mean()),
        "F1, mean over classes": float(each["f1"][there].mean()),
    }
    if areas and len(of.names) <= AREAS:
        said["ROC area" if len(of.names) == 2 else "ROC area, mean over classes"] = float(
            np.mean([curve.area for curve in areas.values()])
        )
    return said


def most_confused(counts: NDArray[np.int64], most: int = 10) -> list[tuple[int, int, int]]:
    """(true, chosen, how often), the most frequent first."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [(int(place // len(counts)), int(place % len(counts))) for place in order]
    return [(true, chosen, int(wrong[true, chosen])) for true, chosen in pairs if wrong[true, chosen]]


def worst(of: Classified, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the most confident mistakes, and of what else has the least share of its true class."""
    wrong = np.flatnonzero(of.chosen != of.true)
    confident = wrong[np.argsort(-of.confidence[wrong], kind="stable")[:most]]
    hardest = np.argsort(of.share_of_true, kind="stable")[: 2 * most]
    return confident, hardest[~np.isin(hardest, confident)][:most]
