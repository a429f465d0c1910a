"""Rules on the model's output and what the loss takes it for."""

from __future__ import annotations

from tfmlflow.diagnosis import advice
from tfmlflow.diagnosis.evidence import Evidence
from tfmlflow.diagnosis.finding import Finding, NotJudged

CLOSE = 1e-3  # rounding of probabilities


def _probabilities(evidence: Evidence) -> bool:
    known = evidence.outputs
    if not known or evidence.from_logits is None:
        raise NotJudged("the model's outputs are not known, or its loss knows neither logits nor probabilities")
    inside = float(known["low"]) >= -CLOSE and float(known["high"]) <= 1 + CLOSE
    return inside and float(known.get("sum", 0.0)) <= CLOSE


def logits_as_probabilities(evidence: Evidence) -> Finding | None:
    """A cross-entropy takes the outputs for probabilities, and they are none."""
    if _probabilities(evidence) or evidence.from_logits:
        return None
    low, high = float(evidence.outputs["low"]), float(evidence.outputs["high"])
    return Finding(
        "logits_as_probabilities",
        f"{evidence.loss} takes outputs for probabilities, and they are logits: from {low:.3g} to {high:.3g}; end the "
        "model with softmax or sigmoid, or give the loss from_logits=True",
        {"low": low, "high": high, "sum": evidence.outputs.get("sum"), "from_logits": False},
        0.95,
        advice.together(advice.others(evidence, "model.output_activation=auto")),
    )


def probabilities_as_logits(evidence: Evidence) -> Finding | None:
    """A cross-entropy takes the outputs for logits, and they are probabilities."""
    if not _probabilities(evidence) or not evidence.from_logits:
        return None
    return Finding(
        "probabilities_as_logits",
        f"{evidence.loss} has from_logits=True, and the model ends with a softmax or sigmoid: its loss can never come "
        "near zero; take one of the two away",
        {"low": evidence.outputs["low"], "high": evidence.outputs["high"], "from_logits": True},
        0.9,
        advice.together(advice.others(evidence, "trainer.loss=auto", "model.output_activation=linear")),
    )
