"""Which checkpoints of a training are taken, and how many of them are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tfmlflow.interval import Interval


@dataclass(frozen=True)
class CheckpointPolicy:
    """What to take and to keep.

    Attributes:
        every: When a checkpoint is taken beside those of a new best epoch; None: never any.
        last, best: How many of the newest and of the best are kept.
        folder: Where they are kept on this machine too; None: only until the store has them.
    """

    every: Interval | None
    last: int = 1
    best: int = 1
    folder: Path | None = None

    @classmethod
    def of(cls, every: int | str | None, last: int, best: int, folder: str | Path | None) -> CheckpointPolicy:
        """From the arguments of `TrackingCallback`.

        Raises:
            ValueError: One of them is wrong.
        """
        for name, count in (("keep_last", last), ("keep_best", best)):
            if count < 0:
                raise ValueError(f"{name}={count}: must be at least 0")
        try:
            interval = None if every is None else Interval.parse(every)
        except ValueError as error:
            raise ValueError(f"checkpoint_every={error}, or None") from None
        return cls(interval, last, best, None if folder is None else Path(folder))
