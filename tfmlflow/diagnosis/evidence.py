"""What is known of a training: plain numbers, whoever has collected them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

Curve = Sequence[float]


@dataclass(frozen=True)
class Evidence:
    """Of one training. What is not known is None or empty; rules that need it are silent.

    Attributes:
        train, validation: Metrics by Keras's plain names, `loss` among them, one value an epoch; NaN where it has none.
        planned: Epochs that were to be trained.
        reason: Why it ended, as the tag `tfmlflow.end_reason`.
        first_steps, last_steps: Losses of single steps at the beginning and at the end.
        rates: Learning rate of each epoch.
        batch_size: Examples a step.
        task: multiclass, binary or regression.
        loss: Keras's name of the loss.
        from_logits: Whether that takes logits; None of a loss that has no such thing.
        baseline: The loss of whoever predicts the same for every example, the best that one can.
        labels: Training examples of each class.
        weighted: Whether classes are weighted in the loss.
        input_wait: Share of the time that steps wait for data.
        inputs: `low`, `high`, `mean`, `std` over a sample as the model sees it, `spread` (largest by smallest standard
            deviation of a feature), and `normalized`, whether the model brings it to scale itself.
        neighbours: On a sample, whether an example's label is that of those nearest to it: `score` (share of classes
            that are right, or R2 of a regression), `chance` (the same for labels in any order), `deviation` (of it,
            by chance), `count`.
        duplicates: Share of a sample that has a twin in the training data: `test`, and `train` for comparison; `count`.
        outputs: `low`, `high` and, of several classes, `sum` (largest distance of an example's sum from 1).
        recalls: Share of each class's examples that are predicted as it, NaN of one that is missing; held-out examples.
        gradients_before, gradients_after: By layer, from the input to the output, of one batch: `gradient` and
            `weights`, norms; before the first step and after the last.
        activations: After the last step, by layer: `kind` (relu, tanh, sigmoid), `dead` (share of units that are zero
            for all examples), `saturated` (share of outputs at the ends of their range).
        changes: How far each trainable kernel has moved since the beginning, by its own norm then.
        noise_scale: Examples from which on larger batches no longer tell the gradient better.
        batch_norm: Whether the model normalizes by batch.
        settings: The run's own, by dotted names; empty of a run of another tool.
    """

    train: Mapping[str, Curve] = field(default_factory=dict)
    validation: Mapping[str, Curve] = field(default_factory=dict)
    planned: int | None = None
    reason: str = ""
    first_steps: Curve = ()
    last_steps: Curve = ()
    rates: Curve = ()
    batch_size: int | None = None
    task: str = ""
    loss: str = ""
    from_logits: bool | None = None
    baseline: float | None = None
    labels: Sequence[int] = ()
    weighted: bool = False
    input_wait: float | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    neighbours: Mapping[str, float] = field(default_factory=dict)
    duplicates: Mapping[str, float] = field(default_factory=dict)
    outputs: Mapping[str, float] = field(default_factory=dict)
    recalls: Curve = ()
    gradients_before: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    gradients_after: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    activations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    changes: Mapping[str, float] = field(default_factory=dict)
    noise_scale: float | None = None
    batch_norm: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As plain values that JSON has; numbers that are none become null."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Evidence:
        """From `as_dict`, of an older version too."""
        known = {one.name for one in fields(cls)}
        given = {name: value for name, value in said.items() if name in known}
        for name in ("train", "validation"):
            curves = given.get(name) or {}
            given[name] = {metric: tuple(_number(one) for one in curve) for metric, curve in curves.items()}
        for name in ("first_steps", "last_steps", "rates", "recalls"):
            given[name] = tuple(_number(one) for one in given.get(name) or ())
        for name in ("gradients_before", "gradients_after"):
            layers = given.get(name) or {}
            given[name] = {layer: {k: _number(v) for k, v in one.items()} for layer, one in layers.items()}
        return cls(**given)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
