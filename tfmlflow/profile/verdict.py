"""The verdict on a training, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tfmlflow.profile.finding import WORTH, Finding, findings, severity
from tfmlflow.profile.measured import Measured

HEALTHY, UNSURE = "healthy", "unsure"
CHANCE = 1.5  # times that a step on a batch that is there may seem slower than one in the training


@dataclass(frozen=True)
class Verdict:
    """On a training.

    Attributes:
        bound: What it is bound by, or healthy, or unsure where the measurements contradict each other.
        sentence: For people.
        findings: What would help, the greatest gain first.
    """

    bound: str
    sentence: str
    findings: Sequence[Finding]

    @property
    def said(self) -> dict[str, Any]:
        """The same as plain values."""
        return {"bound": self.bound, "verdict": self.sentence, "findings": [asdict(one) for one in self.findings]}


def verdict(measured: Measured, settings: Mapping[str, Any]) -> Verdict:
    """What to say of a training.

    Args:
        measured: Of it.
        settings: Its whole config.
    """
    if measured.cached > CHANCE * measured.step > 0:
        return Verdict(
            UNSURE,
            f"unsure: a step on one batch took {1000 * measured.cached:.3g} ms, one in the training, with all around "
            f"it, {1000 * measured.step:.3g} ms; something else has used this machine meanwhile, profile again",
            (),
        )
    found = findings(measured, settings)
    if not found:
        name, share = max(measured.shares.items(), key=lambda one: one[1])
        sentence = f"healthy: {share:.0%} of the time is {name}, and nothing that was measured would make it "
        return Verdict(HEALTHY, f"{sentence}{WORTH - 1:.0%} faster", ())
    first = found[0]
    bound = f"{severity(measured.shares['input'])} input-bound" if first.bound == "input" else f"{first.bound}-bound"
    advice = f"; try {' '.join(first.overrides)}" if first.overrides else ""
    source = " from data" if first.bound == "input" else ""
    return Verdict(first.bound, f"{bound}: at most {first.gain:.1f} times faster{source} ({first.why}){advice}", found)
