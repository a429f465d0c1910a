"""The Optuna study of a sweep: what was tried, and what came of it, for choosing the next and pruning the hopeless.

It lies in a database, so that the same command again goes on with it, and jobs in other processes can report to it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmlflow.errors import UsageError

if TYPE_CHECKING:
    import optuna

PRUNERS = {"median": "MedianPruner", "asha": "SuccessiveHalvingPruner", "hyperband": "HyperbandPruner"}
OF_HALVING = ("min_resource", "reduction_factor", "bootstrap_count")
JOB = "job"  # attribute of a trial: number of the job that tries it


@dataclass(frozen=True)
class StudyPlace:
    """Where a study is, and how its jobs are pruned: all that a job needs to report to it.

    Attributes:
        name: Of the study.
        storage: Database URL.
        pruner: none, median, asha or hyperband.
        options: Of the pruner's class.
        directions: minimize or maximize, one for each objective.
    """

    name: str
    storage: str
    pruner: str
    options: Mapping[str, Any]
    directions: Sequence[str]

    def open(self, sampler: optuna.samplers.BaseSampler | None = None) -> optuna.Study:
        """The study, made if it is not there.

        Raises:
            UsageError: Optuna is missing, or the storage or the pruner's options are wrong.
        """
        library = _optuna()
        from sqlalchemy.exc import SQLAlchemyError

        try:
            study: optuna.Study = library.create_study(
                storage=_storage(self.storage),
                sampler=sampler,
                pruner=self._pruner(library),
                study_name=self.name,
                directions=list(self.directions),
                load_if_exists=True,
            )
            return study
        except (SQLAlchemyError, ImportError) as error:
            raise UsageError(f"sweep.storage={self.storage}: {str(error).splitlines()[0]}") from None

    def _pruner(self, library: Any) -> Any:
        if self.pruner == "none":
            return library.pruners.NopPruner()
        made = getattr(library.pruners, PRUNERS[self.pruner])
        try:
            if self.pruner == "hyperband":  # which is made of these, and checks them when the first job reports
                halving = {key: value for key, value in self.options.items() if key in OF_HALVING}
                library.pruners.SuccessiveHalvingPruner(**halving)
            return made(**self.options)
        except (TypeError, ValueError) as error:
            raise UsageError(f"sweep.pruner_options={dict(self.options)}: {error}") from None

    def reporter(self, job: int) -> Callable[[int, float], bool] | None:
        """For the job with this number: takes an epoch and its objective, tells whether to go on is hopeless."""
        if self.pruner == "none":
            return None
        found: list[Any] = []

        def should_prune(epoch: int, value: float) -> bool:
            if not found:  # opened when there is something to report
                found.append(self._trial(job))
            if found[0] is None:
                return False
            found[0].report(value, epoch)
            return bool(found[0].should_prune())

        return should_prune

    def _trial(self, job: int) -> Any:
        study = self.open()
        numbers = [trial.number for trial in study.get_trials(deepcopy=False) if trial.user_attrs.get(JOB) == job]
        return _optuna().trial.Trial(study, study.trials[numbers[-1]]._trial_id) if numbers else None


def default_storage(uri: str) -> str:
    """A database beside a SQLite tracking store, else in this folder; MLflow and Optuna cannot share one."""
    folder = Path(uri.removeprefix("sqlite:///")).parent if uri.startswith("sqlite:///") else Path.cwd()
    return f"sqlite:///{folder.resolve() / 'tfmlflow-sweeps.db'}"


def _storage(url: str) -> Any:
    waits = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    return _optuna().storages.RDBStorage(url, engine_kwargs=waits)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise UsageError("this sweep needs Optuna: pip install 'tfmlflow[sweep]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    return optuna
