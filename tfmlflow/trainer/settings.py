"""What `conf/trainer/*.yaml` says of a training, whichever way its steps are taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Settings:
    """Settings of a training.

    Attributes:
        epochs: Times that all examples are seen.
        steps_per_execution: Steps in one call into the graph; auto: as many as should take half a second.
        jit_compile: Whether XLA compiles a step; auto: where it was measured to be faster.
        loss, metrics: auto, by the data's task, or Keras's names, or objects.
        label_smoothing: For classification with `loss=auto`.
        class_weight: None, `balanced`, or the weight of each class.
        early_stopping: Arguments of `early_stopper`.
        stop_on_nan: End the training when the loss is no longer a number.
        progress: auto, bar, lines or none.
    """

    epochs: int
    steps_per_execution: int | str = "auto"
    jit_compile: bool | str = "auto"
    loss: Any = "auto"
    metrics: Any = "auto"
    label_smoothing: float = 0.0
    class_weight: str | Mapping[Any, float] | None = None
    early_stopping: Mapping[str, Any] = field(default_factory=dict)
    stop_on_nan: bool = True
    progress: str = "auto"
