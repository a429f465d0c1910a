"""Each rule on numbers that it is for, on such as are nearly so, and on too few."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tfmlflow.diagnosis.evidence import Evidence
from tfmlflow.diagnosis.rules import NAMES, diagnose

EPOCHS = 20
SETTINGS = {
    "optimizer.learning_rate": 0.01,
    "optimizer.global_clipnorm": None,
    "trainer.epochs": EPOCHS,
    "trainer.class_weight": None,
    "trainer.early_stopping.patience": None,
    "model.units": [16],
    "model.dropout": 0.0,
    "model.l2": 0.0,
    "model.activation": "sigmoid",
    "model.kernel_initializer": "glorot_uniform",
    "model.batch_norm": False,
    "model.output_activation": "linear",
    "schedule.name": "exponential",
}
FALLING = tuple(0.05 + 0.65 * 0.6**epoch for epoch in range(EPOCHS))
HELD = tuple(one + 0.05 for one in FALLING)
LAYERS = {name: {"gradient": 0.5, "weights": 5.0} for name in ("dense_1", "dense_2", "dense_3", "logits")}
HEALTHY = Evidence(
    train={"loss": FALLING, "accuracy": tuple(np.linspace(0.5, 0.97, 8)) + (0.97,) * 12},
    validation={"loss": HELD, "accuracy": tuple(np.linspace(0.5, 0.94, 8)) + (0.94,) * 12},
    planned=EPOCHS,
    reason="completed",
    first_steps=(0.75, 0.7, 0.69, *(0.6,) * 60),
    last_steps=(0.05,) * 100,
    rates=(0.01,) * EPOCHS,
    batch_size=32,
    task="binary",
    loss="binary_crossentropy",
    from_logits=False,
    baseline=0.69,
    labels=(500, 480),
    input_wait=0.02,
    inputs={"low": -3.0, "high": 3.0, "mean": 0.0, "std": 1.0, "spread": 1.0, "normalized": False},
    neighbours={"score": 0.9, "chance": 0.5, "deviation": 0.02, "count": 980},
    duplicates={"test": 0.0, "train": 0.0, "count": 200},
    outputs={"low": 0.01, "high": 0.99},
    recalls=(0.95, 0.93),
    gradients_before=LAYERS,
    gradients_after=LAYERS,
    activations={"relu_1": {"kind": "relu", "dead": 0.2, "saturated": 0.0}},
    changes=dict.fromkeys(LAYERS, 0.5),
    settings=SETTINGS,
)


def _like(**changed: Any) -> Evidence:
    return replace(HEALTHY, **changed)


def _losses(train: Any, validation: Any = None) -> dict[str, Any]:
    held = validation if validation is not None else [one + 0.02 for one in train]
    return {"train": {"loss": tuple(train)}, "validation": {"loss": tuple(held)}}


FLAT = _losses([0.69] * EPOCHS)
UP_AND_DOWN = _losses([0.4 + (0.15 if epoch % 2 else 0.0) for epoch in range(EPOCHS)])
VANISHING = {name: {"gradient": 10.0 ** -(8 - 2 * i), "weights": 1.0} for i, name in enumerate(LAYERS)}
FAULTY: dict[str, Evidence] = {
    "logits_as_probabilities": _like(outputs={"low": -4.0, "high": 5.0}),
    "probabilities_as_logits": _like(from_logits=True),
    "labels_shuffled": _like(**FLAT, neighbours={"score": 0.51, "chance": 0.5, "deviation": 0.02, "count": 980}),
    "input_scale": _like(inputs={**HEALTHY.inputs, "mean": 120.0, "std": 60.0}),
    "leak": _like(duplicates={"test": 0.2, "train": 0.01, "count": 200}),
    "unchanged_weights": _like(changes={**HEALTHY.changes, "dense_1": 0.0}),
    "dead_relus": _like(activations={"relu_1": {"kind": "relu", "dead": 0.98, "saturated": 0.0}}),
    "saturated_activations": _like(activations={"tanh_1": {"kind": "tanh", "dead": 0.0, "saturated": 0.9}}),
    "exploding_gradients": _like(gradients_before={"dense_1": {"gradient": 1e5, "weights": 1.0}}),
    "vanishing_gradients": _like(**FLAT, gradients_before=VANISHING),
    "learning_rate_too_high": _like(**FLAT, changes=dict.fromkeys(LAYERS, 20.0)),
    "learning_rate_too_low": _like(**_losses(np.linspace(0.7, 0.65, EPOCHS)), changes=dict.fromkeys(LAYERS, 0.01)),
    "batch_too_small": _like(batch_size=1, noise_scale=300.0),
    "class_imbalance": _like(labels=(950, 50), recalls=(0.99, 0.05)),
    "plateau": _like(**_losses([0.69, 0.6] + [0.5] * 18), rates=tuple(0.01 * 0.3**epoch for epoch in range(EPOCHS))),
    "diverging": _like(**_losses(np.linspace(0.6, 3.0, EPOCHS))),
    "oscillating": _like(**UP_AND_DOWN),
    "loss_not_falling": _like(**FLAT),
    "overfitting": _like(**_losses(FALLING, np.linspace(0.5, 1.5, EPOCHS))),
    "underfitting": _like(train={**HEALTHY.train, "accuracy": (0.6,) * EPOCHS}),
    "too_few_epochs": _like(**_losses(np.linspace(0.69, 0.3, EPOCHS))),
    "input_bound": _like(input_wait=0.6),
}


def _spoken(evidence: Evidence) -> set[str]:
    return {finding.rule for finding in diagnose(evidence).findings}


def test_of_a_healthy_training_all_rules_are_silent_and_none_lacks_evidence() -> None:
    said = diagnose(HEALTHY)
    assert said.findings == []
    assert said.not_judged == {}
    assert said.sentence == "nothing to object"


@pytest.mark.parametrize("rule", NAMES)
def test_a_rule_finds_what_it_is_for(rule: str) -> None:
    said = {finding.rule: finding for finding in diagnose(FAULTY[rule]).findings}
    assert rule in said, diagnose(FAULTY[rule]).not_judged
    found = said[rule].as_dict()
    assert list(found) == ["rule", "sentence", "evidence", "confidence", "advice"]
    assert 0.5 <= found["confidence"] <= 1
    json.dumps(found, allow_nan=False)
    keys = {word.partition("=")[0] for advice in found["advice"] for word in advice.split(" ")}
    assert keys <= {*SETTINGS, "data.batch_size", "schedule"}


def test_nothing_is_said_of_curves_before_a_third_of_the_epochs() -> None:
    begun = _like(**_losses([0.69] * 5), planned=100)
    assert "loss_not_falling" not in _spoken(begun)
    assert diagnose(begun).not_judged["loss_not_falling"] == "5 epochs; 30 are needed"
    assert "loss_not_falling" in _spoken(replace(begun, planned=10))


def test_a_loss_that_is_no_number_is_diverging_however_early() -> None:
    said = _like(**_losses([0.7, math.nan]), planned=100, reason="nan", changes=dict.fromkeys(LAYERS, 30.0))
    assert {"diverging", "learning_rate_too_high"} <= _spoken(said)


def test_of_a_run_that_has_curves_alone_the_others_say_why_they_are_silent() -> None:
    curves = _losses(FALLING, np.linspace(0.5, 1.5, EPOCHS))
    said = diagnose(Evidence(**curves, planned=EPOCHS))
    assert [finding.rule for finding in said.findings] == ["overfitting"]
    assert said.findings[0].advice == ()
    assert {"dead_relus", "leak", "input_scale", "vanishing_gradients", "input_bound"} <= set(said.not_judged)
    assert all(said.not_judged.values())


NEARLY = {
    "a rise of validation by a tenth": (_like(**_losses(FALLING, [*HELD[:-3], 0.13, 0.13, 0.13])), "overfitting"),
    "a learning rate that fades at the end": (
        _like(rates=tuple(0.01 * 0.3**epoch for epoch in range(EPOCHS))),
        "plateau",
    ),
    "uneven classes that are found": (_like(labels=(950, 50), recalls=(0.99, 0.9)), "class_imbalance"),
    "uneven classes that are weighted": (
        _like(labels=(950, 50), recalls=(0.99, 0.05), weighted=True),
        "class_imbalance",
    ),
    "large inputs that the model scales": (
        _like(inputs={**HEALTHY.inputs, "std": 500.0, "normalized": True}),
        "input_scale",
    ),
    "twins that training examples have too": (_like(duplicates={"test": 0.2, "train": 0.2, "count": 200}), "leak"),
    "few examples whose neighbours differ": (
        _like(**FLAT, neighbours={"score": 0.5, "chance": 0.5, "deviation": 0.1, "count": 40}),
        "labels_shuffled",
    ),
    "labels that are learned, though neighbours differ and penalties are in the loss": (
        _like(
            train={"loss": (2.4,) * EPOCHS, "accuracy": (0.92,) * EPOCHS},
            validation={"loss": (2.4,) * EPOCHS, "accuracy": (0.9,) * EPOCHS},
            neighbours={"score": 0.51, "chance": 0.5, "deviation": 0.02, "count": 980},
        ),
        "labels_shuffled",
    ),
    "an absolute error, which is no R2": (
        _like(**FLAT, task="regression", loss="mean_absolute_error", baseline=1.0),
        "underfitting",
    ),
    "small gradients of a model that has learned": (_like(gradients_before=VANISHING), "vanishing_gradients"),
    "gradients that large steps have brought down": (_like(**FLAT, gradients_after=VANISHING), "vanishing_gradients"),
    "uneven classes, of which neighbours agree by chance": (
        _like(**FLAT, neighbours={"score": 0.82, "chance": 0.82, "deviation": 0.02, "count": 400}),
        "labels_shuffled",
    ),
    "two epochs of a few steps": (
        _like(
            train={"loss": (2.31, 2.28)},
            validation={"loss": (2.31, 2.28)},
            planned=2,
            first_steps=(2.31,) * 16,
            changes={"dense/kernel": 0.01},
        ),
        "learning_rate_too_low",
    ),
    "a loss of three epochs that has begun to fall": (
        _like(train={"loss": (0.866, 0.858, 0.85)}, validation={"loss": (0.866, 0.858, 0.85)}, planned=3, baseline=0.7),
        "loss_not_falling",
    ),
    "four epochs that still learn": (
        _like(
            train={"loss": (2.3, 2.1, 1.9, 1.7), "accuracy": (0.1, 0.2, 0.3, 0.45)},
            validation={"loss": (2.3, 2.1, 1.9, 1.7), "accuracy": (0.1, 0.2, 0.3, 0.4)},
            planned=4,
            neighbours={"score": 0.97, "chance": 0.1, "deviation": 0.02, "count": 400},
        ),
        "underfitting",
    ),
    "noise about zero": (_like(**_losses([0.002 * (1 + epoch % 2) for epoch in range(EPOCHS)])), "oscillating"),
}


@pytest.mark.parametrize("case", NEARLY)
def test_what_is_nearly_so_is_not_said(case: str) -> None:
    evidence, rule = NEARLY[case]
    assert rule not in _spoken(evidence)


def test_evidence_comes_back_from_json_as_it_was() -> None:
    odd = _like(**_losses([0.7, math.nan, math.inf]), recalls=(0.9, math.nan))
    text = json.dumps(odd.as_dict(), allow_nan=False)
    back = Evidence.of({**json.loads(text), "unknown": 1})
    assert [math.isnan(one) for one in back.train["loss"]] == [False, True, True]
    assert _spoken(back) == _spoken(odd)


def test_evidence_of_nobody_is_no_error() -> None:
    said = diagnose(Evidence())
    assert said.findings == []
    assert set(said.not_judged) == set(NAMES)
