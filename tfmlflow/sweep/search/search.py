"""What a sweep tries next: points that are known from the start, or points chosen by what was reached so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from tfmlflow.job.outcome import Outcome
from tfmlflow.sweep.search.dimension import Choices, Dimension
from tfmlflow.sweep.search.space import Space
from tfmlflow.sweep.search.study import JOB
from tfmlflow.vocabulary import EndReason

if TYPE_CHECKING:
    import optuna

POINT, OUTCOME = "point", "outcome"  # attributes of a trial: its values as on the command line, what came of it


INTERRUPTED = "interrupted"  # attribute of a trial that does not count: its sweep was ended meanwhile


@dataclass(frozen=True)
class Proposal:
    """A job to run.

    Attributes:
        overrides: Of the job.
        varied: What it is about: values by key.
        trial: In the study, None without one.
    """

    overrides: tuple[str, ...]
    varied: Mapping[str, str]
    trial: Any = None

    def started(self, number: int) -> None:
        """The job has this number from now on."""
        if self.trial is not None:
            self.trial.set_user_attr(JOB, number)


class Search(Protocol):
    """Proposes jobs.

    Attributes:
        total: Jobs in all.
    """

    total: int

    @property
    def earlier(self) -> list[tuple[int | None, dict[str, str], Outcome]]:
        """(job, point, outcome) of jobs that an earlier start of the sweep has brought to their end.

        A job of another sweep, which this one has used again, may have no number here.
        """

    def ask(self) -> Proposal | None:
        """The next job; None: there are no more."""

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """What became of it."""


class Listed:
    """Points that are known from the start.

    Args:
        space: Of the sweep.
        points: Values by key.
        study: Takes reports of the jobs, where hopeless ones are ended.
    """

    def __init__(self, space: Space, points: Iterable[Mapping[str, str]], study: optuna.Study | None = None) -> None:
        self.points = list(points)
        self.total = len(self.points)
        self._space, self._study = space, study
        self._rest = iter(self.points)
        if study is not None:
            _give_up_running(study)

    @property
    def earlier(self) -> list[tuple[int | None, dict[str, str], Outcome]]:
        """None: what is finished is found in the store, point by point."""
        return []

    def ask(self) -> Proposal | None:
        """The next point."""
        point = next(self._rest, None)
        if point is None:
            return None
        trial = self._study.ask() if self._study is not None else None
        return Proposal(self._space.job(point), point, trial)

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """For the pruner: how far others have come."""
        if self._study is not None:
            _tell(self._study, proposal, outcome, [outcome.value])


class Sampled:
    """Points that Optuna's sampler chooses.

    Args:
        space: Of the sweep.
        study: Of this and earlier starts of the sweep.
        trials: In all.
        values: Gives the objectives that an outcome has reached.
    """

    def __init__(
        self, space: Space, study: optuna.Study, trials: int, values: Callable[[Outcome], list[float | None]]
    ) -> None:
        from optuna.trial import TrialState

        self.total = trials
        self._space, self._study, self._values = space, study, values
        self._again = _give_up_running(study)
        ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL))
        self._ended = [trial for trial in ended if not trial.user_attrs.get(INTERRUPTED)]
        self._left = max(0, trials - len(self._ended))

    @property
    def earlier(self) -> list[tuple[int | None, dict[str, str], Outcome]]:
        """(job, point, outcome) of the trials of earlier starts."""
        known = [trial.user_attrs for trial in self._ended if OUTCOME in trial.user_attrs]
        outcomes = [(said, replace(Outcome(**said[OUTCOME]), before=True)) for said in known]
        return [(said.get(JOB, outcome.job), said[POINT], outcome) for said, outcome in outcomes]

    def ask(self) -> Proposal | None:
        """The next point: one that was interrupted, else a new one."""
        if self._left == 0:
            return None
        self._left -= 1
        if self._again:
            self._study.enqueue_trial(self._again.pop(0))
        trial = self._study.ask()
        point = self._space.point(lambda dimension: _suggested(trial, dimension))
        trial.set_user_attr(POINT, point)
        return Proposal(self._space.job(point), point, trial)

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Lets the sampler learn from it; one that was interrupted stays as it is, to be tried again."""
        if outcome.stopped:
            return
        proposal.trial.set_user_attr(
            OUTCOME, {key: value for key, value in asdict(outcome).items() if value is not None}
        )
        _tell(self._study, proposal, outcome, self._values(outcome))


def _suggested(trial: optuna.Trial, dimension: Dimension) -> str:
    if isinstance(dimension, Choices):
        return str(trial.suggest_categorical(dimension.key, sorted(dimension.values)))
    low, high, step = dimension.low, dimension.high, dimension.step
    if dimension.whole:
        every = int(step) if step is not None and not dimension.log else 1
        return str(trial.suggest_int(dimension.key, int(low), int(high), step=every, log=dimension.log))
    return dimension.text(trial.suggest_float(dimension.key, low, high, step=step, log=dimension.log))


def _give_up_running(study: optuna.Study) -> list[dict[str, Any]]:
    """Params of trials whose sweep was killed; they are marked, and tried again."""
    from optuna.trial import TrialState

    found = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    for trial in found:
        study._storage.set_trial_user_attr(trial._trial_id, INTERRUPTED, True)
        study.tell(trial.number, state=TrialState.FAIL)
    return [dict(trial.params) for trial in found if trial.params]


def _tell(study: optuna.Study, proposal: Proposal, outcome: Outcome, values: list[float | None]) -> None:
    from optuna.trial import TrialState

    if outcome.reason == EndReason.PRUNED:
        study.tell(proposal.trial, state=TrialState.PRUNED)
    elif any(value is None for value in values):
        study.tell(proposal.trial, state=TrialState.FAIL)
    else:
        study.tell(proposal.trial, [float(value) for value in values if value is not None])
