"""What became of a job of a sweep."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tfmlflow.job.report import JobReport
from tfmlflow.vocabulary import EndReason

SAID: dict[str, str] = {
    EndReason.NAN: "the loss is not a number",
    EndReason.OUT_OF_MEMORY: "out of memory",
    EndReason.KILLED: "killed",
    EndReason.SIGNAL: "stopped",
    EndReason.TIMEOUT: "it took longer than hydra.launcher.timeout",
    EndReason.TIME_BUDGET: "the sweep's time was over",
    EndReason.NOT_STARTED: "not started",
}


class TimedOut(Exception):
    """A job was ended because its time was over; `reason` is timeout or time_budget."""

    def __init__(self, reason: str) -> None:
        super().__init__(SAID[reason])
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return TimedOut, (self.reason,)


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        status: FINISHED, FAILED or KILLED.
        reason: completed, early_stopping, pruned, nan, error, out_of_memory, killed, signal, timeout, time_budget.
        objective: None if no epoch had one.
        best_epoch: At which it was reached.
        metrics: By their names in MLflow.
        run_id, name: Of its run.
        error: One line.
        seconds: That it took; None where it was finished before.
        before: Whether it was finished before this command.
        job: Its number then.
    """

    status: str
    reason: str
    objective: float | None = None
    best_epoch: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    run_id: str | None = None
    name: str = ""
    error: str = ""
    seconds: float | None = None
    before: bool = False
    job: int | None = None

    @classmethod
    def of(cls, word: JobReport | None, result: Any, seconds: float | None) -> Outcome:
        """From what a job has left, and what its launcher says.

        Args:
            word: Of the job; None if it never came so far.
            result: The value it returned, or the exception that it or its process ended with.
            seconds: That it took.
        """
        report = word or JobReport()
        if isinstance(result, TimedOut) and report.status != "FINISHED":
            report = replace(report, status="KILLED", reason=result.reason, error=SAID[result.reason])
        about: dict[str, Any] = {"run_id": report.run_id, "name": report.name, "seconds": seconds}
        if report.status in ("FINISHED", "FAILED", "KILLED"):
            about["seconds"] = seconds if report.seconds is None else report.seconds
            return cls(
                report.status,
                *(report.reason, report.objective, report.best_epoch, report.metrics),
                error=report.error or SAID.get(report.reason, ""),
                **about,
            )
        said = f"{result}" if isinstance(result, Exception) else "it has left no word of its end"
        return cls(
            "FAILED",
            EndReason.KILLED if report.run_id else EndReason.ERROR,
            error=said.splitlines()[0] if said else "",
            **about,
        )

    @property
    def done(self) -> bool:
        """Whether it needs not be run again."""
        return self.status == "FINISHED"

    @property
    def stopped(self) -> bool:
        """Whether it was ended, for no fault of its own, before it had come to its end: by Ctrl-C or a time budget."""
        return self.reason in (EndReason.SIGNAL, EndReason.TIME_BUDGET)

    @property
    def lost(self) -> bool:
        """Whether its process died without a word: it may well succeed if it is tried again."""
        return self.status == "FAILED" and self.reason == EndReason.KILLED

    @property
    def value(self) -> float | None:
        """The objective, if it is a number and the job was neither pruned nor failed."""
        comparable = self.done and self.reason != EndReason.PRUNED and self.objective is not None
        return self.objective if comparable and math.isfinite(self.objective or 0.0) else None
