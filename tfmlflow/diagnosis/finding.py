"""A finding of a rule, and the reason for which a rule has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """Something about a training that is to be mended.

    Attributes:
        rule: Its name.
        sentence: What is wrong, for people, with the numbers by which it is seen.
        evidence: These numbers, by name; epochs are counted from 1.
        confidence: From 0 to 1, a rank: how far beyond its threshold the evidence is.
        advice: What to try next, the best first; each is one override of the command or several, with a space between.
    """

    rule: str
    sentence: str
    evidence: Mapping[str, Any]
    confidence: float
    advice: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "rule": self.rule,
            "sentence": self.sentence,
            "evidence": dict(self.evidence),
            "confidence": round(self.confidence, 2),
            "advice": list(self.advice),
        }


class NotJudged(Exception):
    """A rule lacks evidence; the message says which."""


def confidence(value: float, threshold: float, certain: float) -> float:
    """From .6 at the threshold of a rule to .95 where `value` is as far as `certain`."""
    if certain == threshold:
        return 0.95
    share = (value - threshold) / (certain - threshold)
    return float(0.6 + 0.35 * min(max(share, 0.0), 1.0))
