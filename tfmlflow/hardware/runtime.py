"""The `Runtime` record: where a model is built and trained."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Runtime:
    """What `hardware=` has set up.

    Attributes:
        devices: TensorFlow names of the devices that train.
        strategy: The tf.distribute strategy, or None on one device, where a strategy only costs time.
        replicas: Copies of the model that train in step.
        can_group_steps: Whether `steps_per_execution` may be above 1.
        worker, workers: Number of this process, from 0, and how many train together; the first one is the chief.
        fell_back: Why this is not the hardware asked for, or None.
    """

    devices: tuple[str, ...]
    strategy: Any = None
    replicas: int = 1
    can_group_steps: bool = True
    worker: int = 0
    workers: int = 1
    fell_back: str | None = None

    @property
    def strategy_name(self) -> str:
        """Class name of the strategy, or `none`."""
        return type(self.strategy).__name__ if self.strategy is not None else "none"

    @property
    def share(self) -> tuple[int, int]:
        """(number, of how many): this process's part of the data."""
        return self.worker, self.workers

    @property
    def chief(self) -> bool:
        """Whether this process writes the run."""
        return self.worker == 0

    def scope(self) -> AbstractContextManager[Any]:
        """Where variables must be created."""
        return self.strategy.scope() if self.strategy is not None else nullcontext()
