"""Rules on what goes in: its scale, twins of training examples in the test set, steps that wait for it."""

from __future__ import annotations

from tfmlflow.diagnosis.advice import others, together
from tfmlflow.diagnosis.evidence import Evidence
from tfmlflow.diagnosis.finding import Finding, NotJudged, confidence
from tfmlflow.diagnosis.measures import rounded

LARGE, TINY = 20.0, 0.01  # standard deviation, or distance from zero, over all features
SPREAD = 1e3  # the largest standard deviation of a feature by the smallest
TWINS = 0.03  # share of test examples
MORE = 3.0  # times as many as training examples have
WAITS = 0.2  # from there TensorFlow's profiler says highly input-bound


def input_scale(evidence: Evidence) -> Finding | None:
    """Inputs are far from the range around zero and one that initial weights and learning rates are made for."""
    known = evidence.inputs
    if not known:
        raise NotJudged("nothing is known of the inputs")
    if known.get("normalized"):
        return None
    std, mean, spread = float(known["std"]), abs(float(known["mean"])), float(known["spread"])
    large, tiny = max(std, mean) >= LARGE, std <= TINY
    if not (large or tiny or spread >= SPREAD):
        return None
    why = (
        f"their features differ by {spread:.2g} times in scale"
        if spread >= SPREAD
        else (f"mean {float(known['mean']):.3g}, standard deviation {std:.3g}")
    )
    return Finding(
        "input_scale",
        f"inputs are not scaled: {why}, from {float(known['low']):.3g} to {float(known['high']):.3g}; bring them to a "
        "mean of 0 and a standard deviation of 1",
        {name: rounded(float(known[name])) for name in ("low", "high", "mean", "std", "spread")},
        max(confidence(max(std, mean), LARGE, 5 * LARGE), confidence(spread, SPREAD, 100 * SPREAD), 0.8 if tiny else 0),
        together(others(evidence, "model.batch_norm=true")),
    )


def leak(evidence: Evidence) -> Finding | None:
    """Test examples have twins among those that the model is trained on, more than these have among themselves."""
    known = evidence.duplicates
    if not known:
        raise NotJudged("nothing is known of the examples of train and test")
    share, usual = float(known["test"]), float(known["train"])
    if share < TWINS or share < MORE * usual:
        return None
    return Finding(
        "leak",
        f"about {share:.0%} of the test examples have a twin in the training data (of training examples {usual:.1%}), "
        "by a part of both, so that the test flatters",
        {
            "test": rounded(share),
            "train": rounded(usual),
            "count": int(known["count"]),
            "hits": int(known.get("hits", round(share * known["count"]))),
        },
        confidence(share, TWINS, 5 * TWINS),
    )


def input_bound(evidence: Evidence) -> Finding | None:
    """Steps wait for their data; what would help is measured by `tfmlflow profile`."""
    if evidence.input_wait is None:
        raise NotJudged("how long steps wait for data was not measured")
    if evidence.input_wait < WAITS:
        return None
    words = ["data.cache=memory"] if "data.cache" in evidence.settings else []
    return Finding(
        "input_bound",
        f"highly input-bound: steps wait for their data {evidence.input_wait:.0%} of the time; `tfmlflow profile` says "
        "why",
        {"wait": rounded(evidence.input_wait)},
        confidence(evidence.input_wait, WAITS, 0.8),
        together(others(evidence, *words)),
    )
