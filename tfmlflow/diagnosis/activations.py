"""Rules on what layers put out: units that are silent for every example, outputs at the ends of their range."""

from __future__ import annotations

from tfmlflow.diagnosis import advice
from tfmlflow.diagnosis.evidence import Evidence
from tfmlflow.diagnosis.finding import Finding, NotJudged, confidence
from tfmlflow.diagnosis.measures import require_epochs, rounded, shown

DEAD = 0.85  # share of a layer's units
SATURATED = 0.5  # share of a layer's outputs


def dead_relus(evidence: Evidence) -> Finding | None:
    """Most units of a layer are zero for every example: no gradient will bring them back."""
    require_epochs(evidence, 1)
    layers = {name: one for name, one in evidence.activations.items() if one["kind"] == "relu"}
    if not evidence.activations:
        raise NotJudged("activations are not known")
    dead = {name: float(one["dead"]) for name, one in layers.items() if float(one["dead"]) >= DEAD}
    if not dead:
        return None
    worst = max(dead.values())
    return Finding(
        "dead_relus",
        f"{worst:.0%} of the units of {shown(list(dead))} are dead: they give zero for every example that was tried",
        {"layers": {name: rounded(share) for name, share in dead.items()}, "of": len(layers)},
        confidence(worst, DEAD, 1.0),
        advice.together(
            advice.rate(evidence, 0.1),
            advice.others(
                evidence, "model.bias_initializer=zeros", "model.activation=leaky_relu", "model.batch_norm=true"
            ),
        ),
    )


def saturated_activations(evidence: Evidence) -> Finding | None:
    """Most outputs of a tanh or sigmoid layer lie at the ends of its range, where its slope is next to nothing."""
    require_epochs(evidence, 1)
    if not evidence.activations:
        raise NotJudged("activations are not known")
    layers = {name: one for name, one in evidence.activations.items() if one["kind"] in ("tanh", "sigmoid")}
    full = {name: float(one["saturated"]) for name, one in layers.items() if float(one["saturated"]) >= SATURATED}
    if not full:
        return None
    worst = max(full.values())
    return Finding(
        "saturated_activations",
        f"{worst:.0%} of the outputs of {shown(list(full))} are at the ends of their range, where nothing is learned",
        {"layers": {name: rounded(share) for name, share in full.items()}, "of": len(layers)},
        confidence(worst, SATURATED, 1.0),
        advice.together(
            advice.others(
                evidence, "model.kernel_initializer=glorot_uniform", "model.activation=relu", "model.batch_norm=true"
            ),
            advice.rate(evidence, 0.1),
        ),
    )
