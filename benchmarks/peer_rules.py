"""The published thresholds of two detectors, applied to what diagnosis.py has seen of a training.

AUTOTRAINER: `utils/monitor.py` of github.com/shiningrain/AUTOTRAINER (commit 04f4033) with the parameters of its
comments (beta_1 1e-3, beta_2 1e-4, beta_3 70, gamma .7, zeta .03, eta .2, delta .01, Theta .7), of which the paper is
Zhang et al., ICSE 2021. SageMaker Debugger: the defaults of its built-in rules,
docs.aws.amazon.com/sagemaker/latest/dg/debugger-built-in-rules.html. Both look at gradients again and again; here it is
at the end of five epochs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfmlflow.probe import gradients, layers


def look(model: Any, sample: Any) -> dict[str, Any]:
    """At an epoch's end: gradients, activations, weights."""
    found = [one.numpy() for one in gradients._gradients(model, sample)]
    kernels = [g for g, w in zip(found, model.trainable_weights, strict=True) if len(w.shape) > 1]
    zeros, size = sum(int((one == 0).sum()) for one in found), sum(one.size for one in found)
    weights = [np.asarray(one) for one in model.trainable_weights]
    inside = layers.activations(model, sample)
    return {
        "first": float(np.linalg.norm(kernels[0])),
        "last": float(np.linalg.norm(kernels[-1])),
        "mean": [float(np.abs(one).mean()) for one in found],
        "zeros": zeros / max(1, size),
        "finite": bool(all(np.isfinite(one).all() for one in (*found, *weights))),
        "weights": [
            float(one.ravel()[:1000].astype(np.float64) @ np.cos(np.arange(min(one.size, 1000)))) for one in weights
        ],
        "dead": max((one["dead"] for one in inside.values() if one["kind"] == "relu"), default=0.0),
        "saturated": max((one["saturated"] for one in inside.values() if one["kind"] != "relu"), default=0.0),
    }


def _curve(evidence: Mapping[str, Any], part: str, name: str) -> list[float]:
    return [math.nan if one is None else one for one in evidence[part].get(name, ())]


def _accuracy(evidence: Mapping[str, Any], part: str) -> list[float]:
    return next((_curve(evidence, part, n) for n in ("accuracy", "binary_accuracy") if n in evidence[part]), [])


def autotrainer(run: Mapping[str, Any]) -> set[str]:
    """Which of its five problems it sees, by our names; of classes alone, since it asks for the accuracy."""
    evidence, epochs = run["evidence"], run["peers"]["epochs"]
    loss, held = _curve(evidence, "train", "loss"), _curve(evidence, "validation", "loss")
    bad = any(not math.isfinite(one) for one in (*loss, *held)) or (held and held[-1] >= 1e5)
    if bad or evidence["reason"] == "nan" or any(not one["finite"] for one in epochs):
        return {"exploding_gradients", "diverging"}
    train, test = _accuracy(evidence, "train"), _accuracy(evidence, "validation")
    if not train or not test:
        return set()
    judged = [one for one in epochs if one["epoch"] >= 0.3 * (evidence["planned"] or 1)]
    slow = _gain(test) < 0.01 and _gain(train) < 0.01
    if max(train) < 0.7 or max(test) < 0.7 or slow:
        if any(one["zeros"] >= 0.7 for one in judged):
            return {"dead_relus"}
        ratios = [(one["first"] / max(one["last"], 1e-300), one["first"]) for one in judged]
        if any(ratio > 70 for ratio, _ in ratios):
            return {"exploding_gradients"}
        if any(ratio < 1e-3 and first < 1e-4 for ratio, first in ratios):
            return {"vanishing_gradients"}
        return {"learning_rate_too_low", "loss_not_falling"} if slow else set()
    return {"oscillating"} if _unstable(train) else set()


def _gain(curve: list[float]) -> float:
    return max((b - a for a, b in itertools.pairwise(curve)), default=0.0)


def _unstable(curve: list[float], threshold: float = 0.03, rate: float = 0.2) -> bool:
    inner = range(1, len(curve) - 1)
    high = [curve[i] for i in inner if curve[i] >= curve[i - 1] and curve[i] >= curve[i + 1]]
    low = [curve[i] for i in inner if curve[i] <= curve[i - 1] and curve[i] <= curve[i + 1]]
    return sum(a - b >= threshold for a, b in zip(high, low, strict=False)) >= rate * len(curve)


def sagemaker(run: Mapping[str, Any]) -> set[str]:
    """Which of its built-in rules speak, by our names."""
    evidence, epochs = run["evidence"], run["peers"]["epochs"]
    loss, held = _curve(evidence, "train", "loss"), _curve(evidence, "validation", "loss")
    said = set()
    if any(min(one["mean"], default=1.0) < 1e-7 for one in epochs):
        said.add("vanishing_gradients")
    if any(not one["finite"] for one in epochs) or any(not math.isfinite(one) for one in loss):
        said |= {"exploding_gradients", "diverging"}
    if any(one["dead"] > 0.5 for one in epochs):
        said.add("dead_relus")
    if any(one["saturated"] > 0.5 for one in epochs):
        said.add("saturated_activations")
    for three in zip(epochs, epochs[1:], epochs[2:], strict=False):
        pairs = zip(*(one["weights"] for one in three), strict=True)
        if any(np.allclose(pair, pair[0], rtol=1e-5, atol=1e-8) for pair in pairs):
            said.add("unchanged_weights")
    if any(v > 1.1 * t and v - t > 0.1 * t for t, v in zip(loss, held, strict=False)):
        said.add("overfitting")
    steps = [one for one in evidence["first_steps"] + evidence["last_steps"] if one is not None]
    if any(after > before * (1 - 0.001) for before, after in zip(steps[::10], steps[10::10], strict=False)):
        said.add("loss_not_falling")
    labels, recalls = evidence["labels"], evidence["recalls"]
    uneven = bool(labels) and min(labels) > 0 and max(labels) / min(labels) > 10
    if uneven and any(recall is not None and 1 - recall > 0.7 for recall in recalls):
        said.add("class_imbalance")
    return said


PEERS: dict[str, Callable[[Mapping[str, Any]], set[str]]] = {
    "AUTOTRAINER": autotrainer,
    "SageMaker Debugger": sagemaker,
}
RULES = {
    "AUTOTRAINER": (
        "exploding_gradients",
        "diverging",
        "dead_relus",
        "vanishing_gradients",
        "oscillating",
        "learning_rate_too_low",
        "loss_not_falling",
    ),
    "SageMaker Debugger": (
        "vanishing_gradients",
        "exploding_gradients",
        "diverging",
        "dead_relus",
        "saturated_activations",
        "unchanged_weights",
        "overfitting",
        "loss_not_falling",
        "class_imbalance",
    ),
}
