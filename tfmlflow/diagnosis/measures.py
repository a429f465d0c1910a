"""What several rules ask of the curves: where the loss began, where it ended, and whether there is enough to judge."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfmlflow.diagnosis.evidence import Evidence
from tfmlflow.diagnosis.finding import NotJudged

JUDGED_FROM = 0.3  # share of the planned epochs, as AUTOTRAINER has it
JUDGED_ANYWAY = 100  # epochs, of however many were planned
STEPS = 50  # in which a training can have learned something; fewer than are remembered
SHORT = 9  # epochs of a curve of which the last three are no end
ENDED = ("nan", "early_stopping")  # what ends by itself is judged however short it was
ACCURACIES = ("accuracy", "acc", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy")
Array = NDArray[np.float64]


def losses(evidence: Evidence, part: str = "train") -> Array:
    """The loss of each epoch.

    Raises:
        NotJudged: There is none.
    """
    curve = (evidence.train if part == "train" else evidence.validation).get("loss", ())
    found = np.asarray(curve, np.float64)
    if not len(found) or (part != "train" and not np.isfinite(found).any()):
        raise NotJudged(f"no {'training' if part == 'train' else 'validation'} loss by epoch")
    return found


def require_epochs(evidence: Evidence, least: int) -> None:
    """Refuse to judge a training that has only begun.

    Raises:
        NotJudged: Says how many epochs there are, and how many are needed.
    """
    seen, from_then = len(losses(evidence)), min(JUDGED_ANYWAY, JUDGED_FROM * (evidence.planned or 0))
    early = evidence.reason not in ENDED and seen < from_then
    if seen < least or early:
        needed = max(least, math.ceil(from_then) if early else 0)
        raise NotJudged(f"{seen} epochs; {needed} are needed")


def require_steps(evidence: Evidence, least: int = STEPS) -> None:
    """Refuse to say that nothing is learned where there was no time to.

    Raises:
        NotJudged: Says how many steps there are, and how many are needed.
    """
    seen = len(evidence.first_steps)
    if 0 < seen < least:
        raise NotJudged(f"{seen} steps; {least} are needed")


def lost(evidence: Evidence) -> bool:
    """Whether the loss became no number."""
    curve = np.asarray(evidence.train.get("loss", ()), np.float64)
    return evidence.reason == "nan" or (len(curve) > 0 and not np.isfinite(curve).all())


def start(evidence: Evidence) -> float:
    """The loss at the first steps; of a run that has none of these, of the first epoch."""
    steps = np.asarray(evidence.first_steps, np.float64)
    steps = steps[np.isfinite(steps)][:3]
    return float(steps.mean()) if len(steps) else float(losses(evidence)[0])


def end(curve: Array) -> float:
    """Where a curve has ended: the median of its last tenth, three values at least; of a short one, less."""
    finite = curve[np.isfinite(curve)]
    last = max(3, len(finite) // 10) if len(finite) >= SHORT else max(1, len(finite) // 3)
    return float(np.median(finite[-last:])) if len(finite) else math.nan


def reference(evidence: Evidence) -> float:
    """The loss of a model that has learned nothing: the baseline of the labels, else the loss at the beginning."""
    return evidence.baseline if evidence.baseline else start(evidence)


def learned(evidence: Evidence) -> float:
    """Share of the loss that was learned away: 0 nothing, 1 all of it; below 0 where it is worse than nothing."""
    whole = reference(evidence)
    return 1 - end(losses(evidence)) / whole if whole > 0 else math.nan


def fall(curve: Array, part: float) -> tuple[float, float]:
    """How far a curve falls over its last `part`: (by its level there, by its fall as a whole)."""
    finite = curve[np.isfinite(curve)]
    last = finite[-max(3, math.ceil(part * len(finite))) :]
    half = max(1, len(last) // 3)
    before, after = float(np.mean(last[:half])), float(np.mean(last[-half:]))
    whole = float(np.max(finite[: max(1, len(finite) // 3)]) - after)
    return (before - after) / max(abs(before), 1e-12), (before - after) / whole if whole > 0 else 0.0


def accuracy(evidence: Evidence, part: str) -> float | None:
    """The last epochs' share of right classes, None if no metric tells it."""
    curves = evidence.train if part == "train" else evidence.validation
    curve = next((np.asarray(curves[name], np.float64) for name in ACCURACIES if name in curves), None)
    return None if curve is None or not np.isfinite(curve).any() else end(curve)


def rounded(value: float, digits: int = 4) -> float:
    """For the record of a finding."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else value


def shown(values: Sequence[str], most: int = 3) -> str:
    """A few names, and how many more."""
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(values[:most]) + more
