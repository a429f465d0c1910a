"""What the loop over a sweep's jobs needs of launchers and of the sweep's run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from hydra.core.utils import JobReturn


class Launcher(Protocol):
    """As Hydra has it."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run a batch of jobs."""


@runtime_checkable
class StreamingLauncher(Protocol):
    """One that takes the next job when one has ended, as `hydra/launcher=process` does."""

    def prepare(self) -> None:
        """There will be jobs."""

    def stream(
        self, next_job: Callable[[], tuple[int, Sequence[str]] | None], look: Callable[[], None], until: float
    ) -> Iterator[tuple[int, Any]]:
        """(number, result) of jobs as they end; `look` is called now and then, and ends them if it raises."""

    def close(self) -> None:
        """There will be none."""


class Record(Protocol):
    """The sweep's run, as the loop over its jobs needs it; `next_job` is the first number that is free."""

    next_job: int

    def numbered(self, taken: int) -> None:
        """So many numbers are taken, before the job with the last of them begins."""

    def attentive(self) -> AbstractContextManager[Callable[[], None]]:
        """Gives, while its context lasts, a function that raises if the sweep is to end."""
