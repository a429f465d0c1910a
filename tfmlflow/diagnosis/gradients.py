"""Rules on what comes of the loss in each layer: gradients that vanish or explode, weights that stay as they were."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfmlflow.diagnosis import advice
from tfmlflow.diagnosis.evidence import Evidence
from tfmlflow.diagnosis.finding import Finding, NotJudged, confidence
from tfmlflow.diagnosis.measures import learned, lost, require_epochs, rounded, shown

VANISHED = 1e-3  # of the largest layer's gradient, each by the norm of its weights
EXPLODED = 30.0  # times the weights' own norm
UNCHANGED = 1e-6  # of the weights' own norm
SOLVED = 0.5  # of the loss that is learned away


def relative(layers: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Each layer's gradient by the norm of its weights; of biases and what else begins at zero that says nothing."""
    kernels = {name: one for name, one in layers.items() if one["weights"] > 0 and not name.endswith("bias")}
    return {name: one["gradient"] / one["weights"] for name, one in kernels.items()}


def vanishing_gradients(evidence: Evidence) -> Finding | None:
    """Layers near the input get a small part of what the last ones get, and little is learned."""
    require_epochs(evidence, 1)
    if not evidence.gradients_after and not evidence.gradients_before:
        raise NotJudged("gradients are not known")
    if lost(evidence) or learned(evidence) >= SOLVED:
        return None
    # After the training they may have vanished with its steps, of which other rules speak.
    looks = {"before": evidence.gradients_before} if evidence.gradients_before else {"after": evidence.gradients_after}
    for when, layers in looks.items():
        flowing = relative(layers)
        if len(flowing) < 3 or not np.isfinite(list(flowing.values())).all():
            continue
        names, sizes = list(flowing), np.array(list(flowing.values()))
        early = sizes[: max(1, len(sizes) // 2)]
        ratio = float(early.min() / max(sizes.max(), 1e-300))
        if (early > 0).all() and 0 < ratio < VANISHED:
            least = names[int(early.argmin())]
            return Finding(
                "vanishing_gradients",
                f"gradients vanish on their way to the input: that of {least} is {ratio:.1g} of the largest, each by "
                f"its weights, {when} the training",
                {"layer": least, "ratio": rounded(ratio), "when": when, "layers": len(names)},
                confidence(-np.log10(ratio), -np.log10(VANISHED), 6.0),
                _flow(evidence),
            )
    return None


def _flow(evidence: Evidence) -> tuple[str, ...]:
    return advice.together(
        advice.others(
            evidence,
            "model.activation=relu model.kernel_initializer=he_normal",
            "model.batch_norm=true",
            "model.kernel_initializer=glorot_uniform",
        )
    )


def exploding_gradients(evidence: Evidence) -> Finding | None:
    """A gradient many times as large as the weights that it is of, or no number."""
    require_epochs(evidence, 1)
    if not evidence.gradients_after and not evidence.gradients_before:
        raise NotJudged("gradients are not known")
    for when, layers in (("before", evidence.gradients_before), ("after", evidence.gradients_after)):
        flowing = relative(layers)
        if not flowing:
            continue
        bad = [name for name, size in flowing.items() if not np.isfinite(size)]
        largest = bad[0] if bad else max(flowing, key=lambda name: flowing[name])
        size = flowing[largest]
        if not bad and size < EXPLODED:
            continue
        much = "no number" if bad else f"{size:.3g} times as large as its weights"
        return Finding(
            "exploding_gradients",
            f"gradients explode: that of {largest} is {much}, {when} the training",
            {"layer": largest, "times": None if bad else rounded(size), "when": when},
            0.95 if bad else confidence(size, EXPLODED, 10 * EXPLODED),
            advice.together(
                advice.others(evidence, "model.kernel_initializer=glorot_uniform", "optimizer.global_clipnorm=1"),
                advice.rate(evidence, 0.1),
            ),
        )
    return None


def unchanged_weights(evidence: Evidence) -> Finding | None:
    """Trainable weights that are what they were before the first step."""
    require_epochs(evidence, 1)
    if not evidence.changes:
        raise NotJudged("how far the weights have moved is not known")
    if lost(evidence):
        return None
    still = [name for name, moved in evidence.changes.items() if moved < UNCHANGED]
    if not still or any(one["kind"] == "relu" and one["dead"] > 0.99 for one in evidence.activations.values()):
        return None  # what is dead gets no gradient: `dead_relus` says so
    every = len(still) == len(evidence.changes)
    return Finding(
        "unchanged_weights",
        f"{'no weights have' if every else f'{shown(still)}: trainable, and has not'} moved since the beginning"
        f"{'' if every else ', while others have'}; "
        f"{'the learning rate is next to nothing' if every else 'no gradient comes to there'}",
        {"layers": still, "of": len(evidence.changes)},
        0.95,
        tuple(advice.rate(evidence, 1000)) if every else (),
    )
