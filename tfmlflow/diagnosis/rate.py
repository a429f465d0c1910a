"""Rules on the size of steps: learning rate and batch."""

from __future__ import annotations

import numpy as np

from tfmlflow.diagnosis import advice
from tfmlflow.diagnosis.activations import DEAD, SATURATED
from tfmlflow.diagnosis.curves import SWING, TURNS, swings
from tfmlflow.diagnosis.evidence import Evidence
from tfmlflow.diagnosis.finding import Finding, NotJudged, confidence
from tfmlflow.diagnosis.gradients import relative
from tfmlflow.diagnosis.measures import (
    end,
    learned,
    losses,
    lost,
    reference,
    require_epochs,
    require_steps,
    rounded,
    start,
)

FAR = 3.0  # times its own norm that a layer has moved
PEAK = 3.0  # times the loss at the beginning
LITTLE = 0.1  # of its own norm
HARDLY = 0.35  # of the loss that is learned away
SMALL = 4  # examples in a batch
NOISY = 10.0  # times the batch that the noise scale is


def learning_rate_too_high(evidence: Evidence) -> Finding | None:
    """The weights are thrown far from where they began, and the loss jumps, swings or is lost."""
    require_epochs(evidence, 1)
    if not evidence.changes and len(evidence.first_steps) == 0:
        raise NotJudged("neither losses of single steps nor how far the weights have moved")
    curve, began = losses(evidence), start(evidence)
    moved = float(np.median(list(evidence.changes.values()))) if evidence.changes else 0.0
    steps = np.asarray(evidence.first_steps, np.float64)
    peak = _peak(steps) / max(began, 0.5 * abs(reference(evidence)), 1e-12)
    finite = curve[np.isfinite(curve)]
    level = (
        min(abs(reference(evidence)), max(float(np.median(finite)), 0.2 * abs(reference(evidence))))
        if len(finite)
        else 1
    )
    size, turned = swings(finite, level)
    swinging = size >= SWING and turned >= TURNS
    bad = lost(evidence) or swinging or learned(evidence) < 0.5
    thrown = moved >= FAR or not np.isfinite(moved) or peak >= PEAK
    if not (bad and thrown):
        return None
    seen = [f"layers have moved {moved:.1f} times their own norm"] if moved >= FAR else []
    seen += [f"the loss jumps to {peak:.1f} times its beginning in the first steps"] if peak >= PEAK else []
    seen += ["it ends as no number"] if lost(evidence) else ["it swings"] if swinging else ["little is learned"]
    rate = float(evidence.rates[0]) if len(evidence.rates) else None
    return Finding(
        "learning_rate_too_high",
        f"the learning rate{f' of {rate:.2g}' if rate else ''} is too high: {', '.join(seen)}",
        {"moved": rounded(moved), "peak": rounded(peak), "rate": rate, "learned": rounded(learned(evidence))},
        max(confidence(moved, FAR, 4 * FAR), confidence(peak, PEAK, 4 * PEAK)),
        advice.together(
            advice.rate(evidence, 0.1),
            advice.rate(evidence, 0.01),
            advice.others(evidence, "optimizer.global_clipnorm=1"),
        ),
    )


def _peak(steps: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """The highest loss of a few steps together; infinity where one is no number."""
    if not len(steps):
        return 0.0
    if not np.isfinite(steps).all():
        return 1e9
    width = max(1, min(5, len(steps) // 5))
    return float(np.convolve(steps, np.ones(width) / width, "valid").max())


def learning_rate_too_low(evidence: Evidence) -> Finding | None:
    """The weights have hardly moved, gradients are there, and little of the loss is learned away."""
    require_epochs(evidence, 2)
    require_steps(evidence)
    if not evidence.changes:
        raise NotJudged("how far the weights have moved is not known")
    if lost(evidence):
        return None
    moved, gone = float(np.median(list(evidence.changes.values()))), learned(evidence)
    began, ended = start(evidence), end(losses(evidence))
    fallen = (began - ended) / max(abs(began), 1e-12)
    flowing = relative(evidence.gradients_after or evidence.gradients_before)
    if not flowing:
        raise NotJudged("gradients are not known")
    if moved >= LITTLE or fallen >= HARDLY or gone >= HARDLY or moved == 0 or min(flowing.values()) < 1e-4:
        return None
    if any(one["dead"] >= DEAD or one["saturated"] >= SATURATED for one in evidence.activations.values()):
        return None
    rate = float(evidence.rates[0]) if len(evidence.rates) else None
    return Finding(
        "learning_rate_too_low",
        f"the learning rate{f' of {rate:.2g}' if rate else ''} is too low: after {len(losses(evidence))} epochs layers "
        f"have moved by {moved:.1%} of their norm, and the loss from {began:.3g} to {ended:.3g}, though gradients are "
        "there",
        {"moved": rounded(moved), "rate": rate, "start": rounded(began), "end": rounded(ended)},
        confidence(LITTLE - moved, 0.0, LITTLE),
        advice.together(advice.rate(evidence, 10), advice.rate(evidence, 100)),
    )


def batch_too_small(evidence: Evidence) -> Finding | None:
    """Batches of a few examples whose gradients are mostly noise, or by whose statistics layers normalize."""
    require_epochs(evidence, 1)
    if evidence.batch_size is None:
        raise NotJudged("the batch size is not known")
    size = evidence.batch_size
    if size > SMALL:
        return None
    if not evidence.batch_norm and evidence.noise_scale is None:
        raise NotJudged("the noise of the gradient is not known")
    times = (evidence.noise_scale or 0.0) / size
    if not evidence.batch_norm and times < NOISY:
        return None
    why = (
        "layers normalize by their statistics"
        if evidence.batch_norm
        else (f"the gradient is {times:.0f} times noisier than it need be")
    )
    return Finding(
        "batch_too_small",
        f"batches of {size} are too small: {why}",
        {"batch_size": size, "noise_scale": None if evidence.noise_scale is None else rounded(evidence.noise_scale)},
        0.9 if evidence.batch_norm else confidence(times, NOISY, 10 * NOISY),
        (f"data.batch_size={max(32, 8 * size)}",) if evidence.settings else (),
    )
