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
        worker, workers: Number of this process, from 0, and how many train in step; the first one is the chief.
        coordinator: Hands out steps to workers that do not train in step, or None.
        member: What this process is in place of training: one that serves a chief, or None.
        fell_back: Why this is not the hardware asked for, or None.
    """

    devices: tuple[str, ...]
    strategy: Any = None
    replicas: int = 1
    can_group_steps: bool = True
    worker: int = 0
    workers: int = 1
    coordinator: Any = None
    member: Any = None
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
        return self.worker == 0 and self.member is None

    @property
    def processes(self) -> int:
        """How many train, in step or not."""
        return self.workers if self.coordinator is None else len(self.coordinator.workers)

    @property
    def name(self) -> str:
        """Of this process beside the chief, as it is in the run: `worker-1`."""
        return f"worker-{self.worker}" if self.member is None else str(self.member.name).replace(" ", "-")

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *_: object) -> None:
        if self.coordinator is not None:
            self.coordinator.close()

    def scope(self) -> AbstractContextManager[Any]:
        """Where variables must be created."""
        return self.strategy.scope() if self.strategy is not None else nullcontext()
