"""Rules on the two losses together: the model learns by heart, or learns too little."""

from __future__ import annotations

import numpy as np

from tfmlflow.diagnosis import advice
from tfmlflow.diagnosis.evidence import Evidence
from tfmlflow.diagnosis.finding import Finding, NotJudged, confidence
from tfmlflow.diagnosis.measures import (
    ACCURACIES,
    SHORT,
    accuracy,
    end,
    fall,
    learned,
    losses,
    lost,
    reference,
    require_epochs,
    rounded,
)

RISE = 0.3  # of the validation loss since its lowest
APART = 1.5  # times the training loss that the validation loss is
GAP = 0.15  # between the accuracies
SQUARED = ("mean_squared_error", "mse", "MSE")
BEHIND = 0.1  # of accuracy, or R2, by which nearest neighbours are better
STANDS = 0.04  # of accuracy, or share of the loss, that has come in the last third
STILL = 0.1  # of their own norm that layers have moved: of those that have not, other rules speak


def overfitting(evidence: Evidence) -> Finding | None:
    """The validation loss has risen since its lowest while the training loss fell on; or the accuracies are apart."""
    require_epochs(evidence, 4)
    curve, held = losses(evidence), losses(evidence, "validation")
    if lost(evidence) or len(held) != len(curve):
        return None
    whole, ended, held_ended = abs(reference(evidence)), end(curve), end(held)
    best = int(np.nanargmin(held))
    low = float(held[best])
    level = max(low, 0.15 * whole)
    rise, gap = (held_ended - low) / level, _gap(evidence)
    apart = held_ended > APART * ended + 0.05 * whole
    risen = rise >= RISE and best < 0.8 * len(held) and ended <= 0.95 * curve[best]
    far = gap is not None and gap >= GAP and held_ended > APART * ended + 0.2 * whole
    if not (apart and (risen or far) and ended < 0.9 * whole):
        return None
    apart_by = f"; accuracy {gap:.2f} apart" if gap is not None and gap > 0 else ""
    return Finding(
        "overfitting",
        f"the model learns by heart: validation loss {low:.3g} in epoch {best + 1}, {held_ended:.3g} at the end, where "
        f"the training loss is {ended:.3g}{apart_by}",
        {
            "best_epoch": best + 1,
            "lowest": rounded(low),
            "validation": rounded(held_ended),
            "train": rounded(ended),
            "rise": rounded(rise),
            "gap": None if gap is None else rounded(gap),
        },
        max(confidence(rise, RISE, 4 * RISE), confidence(gap or 0.0, GAP, 3 * GAP)),
        _less(evidence, len(curve)),
    )


def _less(evidence: Evidence, epochs: int) -> tuple[str, ...]:
    """Less of a fit."""
    patience = max(2, epochs // 10)
    kept = [] if evidence.reason == "early_stopping" else [f"trainer.early_stopping.patience={patience}"]
    return advice.together(
        advice.others(evidence, "model.dropout=0.5", "model.dense_dropout=0.5", "model.l2=0.001"),
        advice.others(evidence, *kept),
    )


def _gap(evidence: Evidence) -> float | None:
    seen, held = accuracy(evidence, "train"), accuracy(evidence, "validation")
    return None if seen is None or held is None else seen - held


def _rise(evidence: Evidence) -> float:
    """How much of the accuracy, else of the loss, has come in the last third."""
    curve = next((evidence.train[one] for one in ACCURACIES if one in evidence.train), None)
    if curve is None:
        return fall(losses(evidence), 1 / 3)[0]
    values = np.asarray(curve, np.float64)
    part = max(1, len(values) // 3)
    if len(values) < SHORT:  # medians of its parts would be of the same epochs
        return float(values[-1] - values[-1 - part])
    return end(values) - float(np.median(values[-part - 2 : -part + 1 or None]))


def underfitting(evidence: Evidence) -> Finding | None:
    """The training loss no longer falls, and the nearest neighbours of an example would have told more of it."""
    require_epochs(evidence, 4)
    if lost(evidence):
        return None
    near = evidence.neighbours
    if not near:
        raise NotJudged("nothing is known of the training examples")
    if evidence.task == "regression" and (evidence.baseline is None or evidence.loss not in SQUARED):
        raise NotJudged("the loss tells no R2")
    got = accuracy(evidence, "train") if evidence.task != "regression" else learned(evidence)
    if got is None:
        raise NotJudged("neither an accuracy nor a baseline of the loss")
    moved, behind = _rise(evidence), near["score"] - got
    still = bool(evidence.changes) and float(np.median(list(evidence.changes.values()))) < STILL
    if still or moved >= STANDS or behind < BEHIND or near["score"] - near["chance"] < 3 * near["deviation"]:
        return None
    what = "R2" if evidence.task == "regression" else "accuracy"
    return Finding(
        "underfitting",
        f"the model learns too little: {what} {got:.2f} on the data that it is trained on, where nearest neighbours "
        f"reach {near['score']:.2f}, and it no longer learns more",
        {"reached": rounded(got), "neighbours": rounded(near["score"]), "moved": rounded(moved)},
        confidence(behind, BEHIND, 4 * BEHIND),
        advice.together(
            advice.without(evidence, "model.l2", "model.l1", "model.dropout", "model.dense_dropout"),
            advice.wider(evidence),
            advice.rate(evidence, 3),
        ),
    )
