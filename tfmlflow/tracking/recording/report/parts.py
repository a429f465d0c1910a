"""Parts of a report, made one after another within a time: one that cannot be made costs itself alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from tfmlflow.analysis.predictions.classified import Unfit
from tfmlflow.trainer.predicting import Unpredictable

log = logging.getLogger(__name__)

Made = TypeVar("Made")


class Parts:
    """Makes parts, and remembers which are not there, and why.

    Args:
        seconds: After which no further part is begun.

    Attributes:
        left: What is not there.
        failed: What should be, but for a fault or for want of time.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self._until = seconds, time.monotonic() + seconds
        self.left: list[str] = []
        self.failed: list[str] = []

    def begin(self) -> None:
        """Count the time from now on."""
        self._until = time.monotonic() + self.seconds

    @property
    def rest(self) -> float:
        """Seconds that are left."""
        return max(0.0, self._until - time.monotonic())

    def make(self, what: str, make: Callable[[], Made]) -> Made | None:
        """What `make` gives; None if it cannot be made, or not in time."""
        if not self.rest:
            self._fail(f"{what}: the {self.seconds:.0f} s that a report may take were over")
            return None
        try:
            return make()
        except (Unfit, Unpredictable) as error:  # a model or data of which there is none
            self.left.append(f"{what}: {error}")
        except Exception as error:
            log.debug("%s", what, exc_info=error)
            self._fail(f"{what}: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
        return None

    def _fail(self, said: str) -> None:
        self.left.append(said)
        self.failed.append(said)
