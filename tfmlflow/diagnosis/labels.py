"""Rules on labels: classes that are seldom and never predicted, labels that have nothing to do with their examples."""

from __future__ import annotations

import numpy as np

from tfmlflow.diagnosis import advice
from tfmlflow.diagnosis.evidence import Evidence
from tfmlflow.diagnosis.finding import Finding, NotJudged, confidence
from tfmlflow.diagnosis.measures import accuracy, end, losses, lost, require_epochs, rounded

UNEVEN = 8.0  # times as many examples of the largest class as of the smallest
MISSED = 0.4  # recall of a seldom class
FOUND = 0.8  # recall of the largest
UNRELATED = 3.0  # standard deviations above chance that neighbours agree by
FEW = 100  # examples whose neighbours tell nothing
EVEN = 0.7  # agreement by chance from which on neighbours tell nothing: most of it is that of the largest class
AS_CHANCE = 0.97  # of the baseline that the validation loss never was below


def class_imbalance(evidence: Evidence) -> Finding | None:
    """Classes with few examples are hardly ever predicted, and the loss does not weigh them."""
    require_epochs(evidence, 1)
    if evidence.task == "regression":
        return None
    if not evidence.labels or not len(evidence.recalls):
        raise NotJudged("how many examples of each class there are, or what is predicted of them, is not known")
    counts, recalls = np.asarray(evidence.labels, np.float64), np.asarray(evidence.recalls, np.float64)
    if len(counts) != len(recalls) or counts.min() <= 0 or evidence.weighted:
        return None
    ratio, most = float(counts.max() / counts.min()), int(counts.argmax())
    seldom = counts <= counts.max() / UNEVEN
    if ratio < UNEVEN or not np.isfinite(recalls[seldom]).any() or not recalls[most] >= FOUND:
        return None
    recall = float(np.nanmean(recalls[seldom]))
    if recall > MISSED:
        return None
    least = int(counts.argmin())
    return Finding(
        "class_imbalance",
        f"classes are uneven, {ratio:.0f} to 1, and the seldom ones are missed: recall {recall:.2f} of them, "
        f"{recalls[most]:.2f} of class {most}; the loss does not weigh them",
        {"ratio": rounded(ratio), "recall": rounded(recall), "largest": most, "smallest": least},
        confidence(MISSED - recall, 0.0, MISSED),
        advice.together(advice.others(evidence, "trainer.class_weight=balanced")),
    )


def labels_shuffled(evidence: Evidence) -> Finding | None:
    """Labels of neighbours agree no more than by chance, and validation was never better than without a model."""
    require_epochs(evidence, 2)
    if not evidence.neighbours or evidence.baseline is None:
        raise NotJudged("nothing is known of the training examples, or the loss has no baseline")
    near, held = evidence.neighbours, losses(evidence, "validation")
    if near["count"] < FEW or near["chance"] > EVEN:
        raise NotJudged("too few examples, or too many of one class, for neighbours to tell")
    above = (near["score"] - near["chance"]) / max(near["deviation"], 1e-12)
    best = float(np.nanmin(held)) / evidence.baseline
    right = accuracy(evidence, "validation")
    if right is not None and right > near["chance"] + UNRELATED * near["deviation"]:
        return None  # something was learned of them
    if lost(evidence) or above >= UNRELATED or best < AS_CHANCE:
        return None
    return Finding(
        "labels_shuffled",
        f"labels have nothing to do with their examples: {near['score']:.2f} of nearest neighbours agree, "
        f"{near['chance']:.2f} by chance, and the validation loss is never below {float(np.nanmin(held)):.3g}, without "
        f"a model {evidence.baseline:.3g}; do x and y have the same order?",
        {
            "agree": rounded(near["score"]),
            "chance": rounded(near["chance"]),
            "deviations": rounded(above),
            "validation": rounded(best),
            "end": rounded(end(losses(evidence))),
        },
        confidence(UNRELATED - above, 0.0, UNRELATED),
    )
