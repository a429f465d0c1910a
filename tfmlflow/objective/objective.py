"""The metric that decides which epoch, and which run, is the best."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tfmlflow.errors import UsageError
from tfmlflow.objective.by_name import Mode, resolved

ONCE = ("test", "best", "perf", "system")  # parts whose metrics are one value a run
SAID: dict[str | None, Mode] = {"up": "max", "down": "min"}


@dataclass(frozen=True)
class Objective:
    """A metric by its name in MLflow, and its direction.

    Attributes:
        metric: `train/<m>` or `val/<m>` of an epoch; runs are compared by others too, such as `test/<m>`.
        mode: `min` or `max`.
    """

    metric: str
    mode: str

    @classmethod
    def of(cls, metric: str, mode: str = "auto", metrics: Iterable[Any] = ()) -> Objective:
        """Resolves `auto`.

        Args:
            metric: By its name in MLflow.
            mode: `min`, `max` or `auto`.
            metrics: Keras's metric objects among these say their direction themselves.

        Raises:
            UsageError: Nothing tells which direction is better.
        """
        found = direction(metric, mode, metrics)
        if found is None:
            raise UsageError(
                f"objective.metric={metric}: nothing tells whether more or less of it is better; say so: "
                "objective.mode=max, or min"
            )
        return cls(metric, found)

    @property
    def monitor(self) -> str:
        """The metric's name in Keras's logs: `val_loss`."""
        return self.metric.replace("val/", "val_").removeprefix("train/")

    @property
    def best(self) -> str:
        """Where our runs have its value of the best epoch: `val/loss` -> `best/loss`."""
        return f"best/{self.metric.split('/', 1)[-1]}"

    @property
    def once(self) -> bool:
        """Whether a run has one value of it, and no curve."""
        return self.metric.split("/")[0] in ONCE

    def order(self, value: float | None) -> tuple[bool, float]:
        """Sorts the best first, and what is missing or no number last."""
        if value is None or not math.isfinite(value):
            return True, 0.0
        return False, -value if self.mode == "max" else value

    def better(self, value: float, than: float | None) -> bool:
        """Whether `value` beats `than`; what is no number never does."""
        return self.order(value) < self.order(than)

    def require(self, names: Iterable[str]) -> None:
        """Refuse a metric that the training will not give."""
        known = [f"{part}/{name}" for part in ("val", "train") for name in names]
        if self.metric not in known and not any(self.metric.startswith(f"{metric}/") for metric in known):
            raise UsageError(f"objective.metric={self.metric}: this run has {', '.join(known)}")


def direction(metric: str, mode: str, metrics: Iterable[Any] = ()) -> Mode | None:
    """As `Objective.of`; None if nothing tells."""
    if mode == "auto":
        name = metric.split("/", 1)[-1]
        said = (getattr(one, "_direction", None) for one in metrics if getattr(one, "name", None) == name)
        if found := next((SAID[word] for word in said if word in SAID), None):
            return found
    return resolved(metric, mode)
