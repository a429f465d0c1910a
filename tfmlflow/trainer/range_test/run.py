"""`trainer=lr_range`: takes steps at a growing learning rate and suggests one; what it leaves is no trained model."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import Any

from tfmlflow.trainer.fitting import Fitted
from tfmlflow.trainer.range_test import picture
from tfmlflow.trainer.range_test.growing import GrowingLearningRate
from tfmlflow.trainer.range_test.suggestion import Suggestion, suggested
from tfmlflow.trainer.steps.several import Step
from tfmlflow.trainer.steps.step import gradient_step
from tfmlflow.trainer.train import fit, loop
from tfmlflow.vocabulary import EndReason, Tag

log = logging.getLogger(__name__)


def lr_range(
    *,
    start: float = 1e-7,
    end: float = 10.0,
    steps: int = 200,
    diverge: float = 4.0,
    by: str = "loop",
    step: Step = gradient_step,
    **named: Any,
) -> Fitted:
    """Take steps at learning rates that grow from `start` to `end`, and suggest where the loss falls fastest.

    The run gets a picture, a tag and the numbers; no epoch of it is the best, so that no model is stored.

    Args:
        start, end: Learning rates of the first and the last step; they grow by the same factor each step.
        steps: How many, over as many epochs as they take; there is no validation.
        diverge: The test ends when the mean loss of the last steps is so many times its lowest, or no number.
        by: Whose steps: `loop` or `fit`.
        step: As of `loop`; `fit` takes its own.
        named: As of `Fitting`.

    Raises:
        UsageError: The optimizer's learning rate cannot be set, or the model's steps tell no loss.
    """
    growing = GrowingLearningRate(start, end, steps, diverge)
    tracking, console = named.get("tracking", ()), named.get("console")
    mine: dict[str, Any] = {
        "callbacks": [*named.get("callbacks", ()), growing],
        "epochs": math.ceil(steps / named["pipeline"].steps),
        "steps_per_execution": 1,
        "early_stopping": {},
        "stop_on_nan": False,
        "progress": "none",
    }
    fitted = fit(**named | mine) if by == "fit" else loop(step=step, **named | mine)
    found = suggested(growing.rates, growing.losses)
    said = sentence(growing, found)
    for one in tracking:
        if (session := getattr(one, "session", None)) is not None:
            _record(session, growing, found, said)
    if console is not None:
        console.print(said, soft_wrap=True)
    reason = EndReason.COMPLETED if fitted.reason == EndReason.NAN else fitted.reason
    about = (
        f"{len(growing.losses)} steps of a range test; the weights are not those of a trained model, and none is stored"
    )
    return replace(fitted, reason=reason, best_epoch=None, best={}, said=about)


def sentence(growing: GrowingLearningRate, found: Suggestion) -> str:
    """What came out, with the override to type next."""
    rates = growing.rates
    ended = f"; the loss diverged at {rates[-1]:.3g}" if growing.diverged else ""
    tried = f"learning rates from {rates[0]:.3g} to {rates[-1]:.3g} in {len(rates)} steps{ended}"
    if found.steepest is None or found.lowest is None:
        return f"range test: {tried}; no suggestion: {found.why}"
    return (
        f"range test: {tried}\nthe loss falls fastest at {found.steepest:.3g} and is lowest at {found.lowest:.3g}\n"
        f"next: trainer=loop optimizer.learning_rate={found.steepest:.2g}"
    )


def _record(session: Any, growing: GrowingLearningRate, found: Suggestion, said: str) -> None:
    session.tags({Tag.RANGE_TEST: " ".join(said.split())})
    if found.steepest is not None and found.lowest is not None:
        numbers = {"lr_range/suggestion": float(f"{found.steepest:.2g}")}
        numbers |= {"lr_range/steepest": found.steepest, "lr_range/lowest": found.lowest}
        session.metrics(numbers, len(growing.losses))
    lines = ["step,learning_rate,loss,smoothed"]
    for place, (rate, loss) in enumerate(zip(growing.rates, growing.losses, strict=False)):
        smoothed = f"{found.smoothed[place]:.9g}" if place < len(found.smoothed) else ""
        lines.append(f"{place + 1},{rate:.9g},{loss:.9g},{smoothed}")
    session.text("lr_range.csv", "\n".join(lines) + "\n", "tables", mask=False)
    try:
        file = session.staging / "plots" / "lr_range.png"
        file.parent.mkdir(mode=0o700, exist_ok=True)
        picture.draw(growing.rates[: len(growing.losses)], growing.losses, found, said.splitlines()[-1], file)
        session.artifact(file, "plots")
    except Exception as error:
        log.warning("there is no picture of the range test: %s: %s", type(error).__name__, error)
