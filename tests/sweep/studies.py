"""Studies and spaces for tests of what is proposed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import optuna

from tests.sweep.grammar import space
from tfmlflow.job.outcome import Outcome
from tfmlflow.sweep.search.search import Proposal, Sampled, Search
from tfmlflow.sweep.search.space import Space
from tfmlflow.sweep.search.study import StudyPlace

RATES = "optimizer.learning_rate=tag(log,interval(1e-5,1e-1))"


def place(
    folder: Path, pruner: str = "none", directions: tuple[str, ...] = ("minimize",), **options: int
) -> StudyPlace:
    """A study in a database of its own."""
    return StudyPlace("study", f"sqlite:///{folder / 'study.db'}", pruner, options, directions)


def sampled(where: StudyPlace, trials: int, of: Space | None = None) -> Sampled:
    """A search, as each start of a sweep makes it."""
    study = where.open()
    study.sampler = optuna.samplers.TPESampler(seed=len(study.trials))  # the same points in every run of a test
    return Sampled(of or space("optimizer=adam,sgd", RATES), study, trials, lambda outcome: [outcome.value])


def proposals(search: Search, count: int | None = None) -> Iterator[Proposal]:
    """The next jobs, numbered, as a sweep begins them."""
    number = 0
    while (count is None or number < count) and (proposal := search.ask()) is not None:
        proposal.started(number)
        yield proposal
        number += 1


def finished(value: float | None = 0.5, reason: str = "completed", **metrics: float) -> Outcome:
    """Of a job that has come to its end."""
    return Outcome("FINISHED", reason, objective=value, best_epoch=2, metrics=metrics, run_id="r1", seconds=1.0)


FAILED = Outcome("FAILED", "error", error="RuntimeError: [bold]no[/bold]", seconds=2.0, run_id="f")
MIXED = (finished(0.5), finished(math.nan), finished(0.2), FAILED, finished(0.1, "pruned"), finished(0.3))
