"""Rules on the loss by epoch: it does not fall, it rises, it goes up and down, it stands still, it still falls."""

from __future__ import annotations

import numpy as np

from tfmlflow.diagnosis import advice
from tfmlflow.diagnosis.evidence import Evidence
from tfmlflow.diagnosis.finding import Finding, confidence
from tfmlflow.diagnosis.measures import (
    Array,
    end,
    fall,
    learned,
    losses,
    lost,
    reference,
    require_epochs,
    require_steps,
    rounded,
    start,
)

FEW = 4  # epochs, before which a loss that hardly falls has only begun to
NOT_FALLEN = 0.05  # share of the loss at the beginning
NOTHING = 0.05  # share of the baseline that counts as nothing learned
RISEN = 1.5  # times the lowest loss
SWING = 0.12  # of the loss without training, from one epoch to the next
TURNS = 0.45  # share of epochs at which a curve turns round; of noise it is 2/3
SEEN = 0.005  # share of its beginning by which a loss falls to be said to have fallen at all
FLAT = 0.02  # share of its level that a curve moves
DECAYED = 0.02  # share of its highest that a learning rate has come down to
STILL = 0.12  # share of its level that a curve falls over its last third
HARDLY, BEGUN = 0.5, 0.01  # of the loss that is left; and the fall that is enough where so much of it is


def loss_not_falling(evidence: Evidence) -> Finding | None:
    """The loss ends where it began, and no better than without training."""
    require_epochs(evidence, FEW)
    require_steps(evidence)
    curve, began = losses(evidence), start(evidence)
    if lost(evidence):
        return None
    ended, gone = end(curve), learned(evidence)
    moved = (began - ended) / max(abs(began), 1e-12)
    if moved >= NOT_FALLEN or gone >= NOTHING:
        return None
    how = f"hardly falls, by {moved:.1%}" if moved >= SEEN else "does not fall"
    return Finding(
        "loss_not_falling",
        f"the training loss {how}: {began:.3g} at the beginning, {ended:.3g} after {len(curve)} epochs; "
        f"{'next to ' if moved >= SEEN else ''}nothing is learned",
        {"start": rounded(began), "end": rounded(ended), "reference": rounded(reference(evidence))},
        confidence(NOT_FALLEN - moved, 0.0, NOT_FALLEN),
        advice.together(advice.rate(evidence, 10), advice.rate(evidence, 0.1)),
    )


def diverging(evidence: Evidence) -> Finding | None:
    """The training loss rises, or is no number any more."""
    require_epochs(evidence, 1)
    curve = losses(evidence)
    cures = advice.together(advice.rate(evidence, 0.1), advice.others(evidence, "optimizer.global_clipnorm=1"))
    if lost(evidence):
        bad = np.flatnonzero(~np.isfinite(curve))
        epoch = int(bad[0]) + 1 if len(bad) else len(curve)
        return Finding(
            "diverging",
            f"the loss became no number in epoch {epoch}",
            {"epoch": epoch, "start": rounded(start(evidence))},
            0.95,
            cures,
        )
    if len(curve) < 3:
        return None
    low, ended, began = float(curve.min()), end(curve), min(start(evidence), float(curve[0]))
    level = max(low, 0.05 * abs(reference(evidence)))
    times = ended / level if level > 0 else 1.0
    if times < RISEN or ended < 0.9 * began or ended - low < 0.1 * abs(reference(evidence)):
        return None
    return Finding(
        "diverging",
        f"the training loss rises: {low:.3g} in epoch {int(curve.argmin()) + 1}, {ended:.3g} at the end",
        {"lowest": rounded(low), "epoch": int(curve.argmin()) + 1, "end": rounded(ended)},
        confidence(times, RISEN, 3 * RISEN),
        cures,
    )


def swings(curve: Array, level: float) -> tuple[float, float]:
    """(the median step from one epoch to the next by `level`, share of epochs at which the curve turns round)."""
    steps = np.diff(curve[len(curve) // 3 :])
    if len(steps) < 3:
        return 0.0, 0.0
    turned = np.mean(np.sign(steps[1:]) * np.sign(steps[:-1]) < 0)
    return float(np.median(np.abs(steps)) / max(level, 1e-12)), float(turned)


def oscillating(evidence: Evidence) -> Finding | None:
    """The training loss goes up and down by much of what there is to learn."""
    require_epochs(evidence, 6)
    curve = losses(evidence)
    if lost(evidence):
        return None
    level = min(abs(reference(evidence)), max(float(np.median(curve)), 0.2 * abs(reference(evidence))))
    size, turned = swings(curve, level)
    if size < SWING or turned < TURNS:
        return None
    return Finding(
        "oscillating",
        f"the training loss goes up and down by {size:.0%} of its level from one epoch to the next, and turns round at "
        f"{turned:.0%} of them",
        {"step": rounded(size), "turns": rounded(turned), "from_epoch": len(curve) // 3 + 1},
        confidence(size, SWING, 4 * SWING),
        advice.together(
            advice.rate(evidence, 0.1),
            advice.others(evidence, "schedule=cosine"),
        ),
    )


def plateau(evidence: Evidence) -> Finding | None:
    """The training loss has fallen, and stands still far above zero, because the learning rate has gone or is too high.

    A loss that stands still near zero is what a training is for; one that stands still at a constant rate with nothing
    left to swing is a model too small, which `underfitting` says.
    """
    require_epochs(evidence, 5)
    curve = losses(evidence)
    if lost(evidence):
        return None
    gone, (moved, _) = learned(evidence), fall(curve, 0.4)
    if not NOTHING <= gone <= 0.7 or abs(moved) >= FLAT:
        return None
    rates = np.asarray(evidence.rates, np.float64)
    faded = len(rates) > 1 and rates.max() > 0 and rates[len(rates) // 2 :].max() <= DECAYED * rates.max()
    if not faded:
        return None
    since = int(np.argmax(rates <= DECAYED * rates.max())) + 1
    return Finding(
        "plateau",
        f"the training loss stands still at {end(curve):.3g} since the learning rate has come down to {rates[-1]:.2g}, "
        f"in epoch {since}; at first it was {rates.max():.2g}",
        {"level": rounded(end(curve)), "moved": rounded(moved), "epoch": since, "learned": rounded(gone)},
        confidence(0.7 - gone, 0.0, 0.5),
        advice.together(
            advice.others(evidence, "schedule=cosine", "schedule=constant"),
        ),
    )


def too_few_epochs(evidence: Evidence) -> Finding | None:
    """Both losses still fall when the training ends."""
    require_epochs(evidence, 2)
    curve = losses(evidence)
    if lost(evidence) or evidence.reason in ("early_stopping", "pruned"):
        return None
    held = losses(evidence, "validation")
    fallen, share = fall(curve, 1 / 3)
    held_fallen, _ = fall(held, 1 / 3)
    level = end(curve) / max(abs(reference(evidence)), 1e-12)
    newest = int(np.nanargmin(held)) >= len(held) - max(1, len(held) // 10)
    part = -max(3, len(curve) // 3)
    begun = level > HARDLY and (np.diff(curve[part:]) < 0).all() and (np.diff(held[part:]) < 0).all()
    falls = min(fallen, held_fallen) >= STILL or (begun and min(fallen, held_fallen) >= BEGUN)
    if not falls or share < STILL or not newest or level < 0.1:
        return None
    return Finding(
        "too_few_epochs",
        f"the losses still fall when the training ends after {len(curve)} epochs: over the last third the one of "
        f"validation by {held_fallen:.0%}",
        {"epochs": len(curve), "train_fall": rounded(fallen), "validation_fall": rounded(held_fallen)},
        confidence(min(fallen, held_fallen), STILL, 4 * STILL),
        advice.together(advice.epochs(evidence, 3), advice.rate(evidence, 3)),
    )
