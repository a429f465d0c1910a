"""The metric that decides which epoch was best."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tfmlflow.direction import resolved
from tfmlflow.errors import UsageError


@dataclass(frozen=True)
class Objective:
    """A metric by its name in MLflow (`val/loss`), and its direction.

    Attributes:
        metric: `train/<m>` or `val/<m>`.
        mode: `min` or `max`.
    """

    metric: str
    mode: str

    @classmethod
    def of(cls, metric: str, mode: str = "auto") -> Objective:
        """Resolves `auto` by the metric's name."""
        return cls(metric, resolved(metric, mode) or "min")

    @property
    def monitor(self) -> str:
        """The metric's name in Keras's logs: `val_loss`."""
        return self.metric.replace("val/", "val_").removeprefix("train/")

    def better(self, value: float, than: float | None) -> bool:
        """Whether `value` beats `than`; NaN never does."""
        if value != value:
            return False
        return than is None or (value > than if self.mode == "max" else value < than)

    def require(self, names: Iterable[str]) -> None:
        """Refuse a metric that the training will not give."""
        known = [f"{part}/{name}" for part in ("val", "train") for name in names]
        if self.metric not in known:
            raise UsageError(f"objective.metric={self.metric}: this run has {', '.join(known)}")
