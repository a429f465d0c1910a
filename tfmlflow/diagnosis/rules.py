"""All rules, causes before what they lead to, and what they say of a training together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfmlflow.diagnosis import activations, curves, fit, gradients, inputs, labels, output, rate
from tfmlflow.diagnosis.evidence import Evidence
from tfmlflow.diagnosis.finding import Finding, NotJudged

Rule = Callable[[Evidence], Finding | None]

RULES: tuple[Rule, ...] = (
    output.logits_as_probabilities,
    output.probabilities_as_logits,
    labels.labels_shuffled,
    inputs.input_scale,
    inputs.leak,
    activations.dead_relus,
    activations.saturated_activations,
    gradients.unchanged_weights,
    gradients.exploding_gradients,
    gradients.vanishing_gradients,
    rate.learning_rate_too_high,
    rate.learning_rate_too_low,
    rate.batch_too_small,
    labels.class_imbalance,
    curves.plateau,
    curves.diverging,
    curves.oscillating,
    curves.loss_not_falling,
    fit.overfitting,
    fit.underfitting,
    curves.too_few_epochs,
    inputs.input_bound,
)
NAMES = tuple(rule.__name__ for rule in RULES)
HEALTHY = "nothing to object"


@dataclass(frozen=True)
class Diagnosis:
    """What the rules say.

    Attributes:
        findings: Causes first.
        not_judged: Why a rule is silent that lacks evidence, by its name.
        judged: How many rules had all that they need.
    """

    findings: Sequence[Finding]
    not_judged: Mapping[str, str]

    @property
    def judged(self) -> int:
        """How many rules had all that they need."""
        return len(RULES) - len(self.not_judged)

    @property
    def sentence(self) -> str:
        """One line for people."""
        if not self.findings:
            return HEALTHY
        first, *others = self.findings
        trial = f"; try {first.advice[0]}" if first.advice else ""
        more = f" (and {', '.join(one.rule.replace('_', ' ') for one in others)})" if others else ""
        return f"{first.sentence}{trial}{more}"

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "sentence": self.sentence,
            "findings": [one.as_dict() for one in self.findings],
            "not_judged": dict(self.not_judged),
        }


def diagnose(evidence: Evidence) -> Diagnosis:
    """What all rules say of a training; one that fails is silent, and says so."""
    findings, silent = list[Finding](), dict[str, str]()
    for rule in RULES:
        try:
            found = rule(evidence)
        except NotJudged as why:
            silent[rule.__name__] = str(why)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # evidence that nobody has thought of
            silent[rule.__name__] = f"{type(error).__name__}: {error}"
        else:
            findings += [found] if found is not None else []
    return Diagnosis(findings, silent)
