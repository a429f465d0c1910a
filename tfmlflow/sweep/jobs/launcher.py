"""Hydra's launcher `process`: each job in a fresh process, some at a time."""

from __future__ import annotations

import functools
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cloudpickle
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from tfmlflow.duration import seconds
from tfmlflow.errors import UsageError
from tfmlflow.sweep.jobs.pool import Pool, Task

Next = Callable[[], tuple[int, Sequence[str]] | None]


class ProcessLauncher(Launcher):
    """Runs jobs in processes of their own, so that none sees what another has left, and one that dies is alone in it.

    Args:
        n_jobs: How many at a time.
        gpus: Numbers of the GPUs that they share, one for each; null: each sees all.
        timeout: Of each job, after which it is ended: seconds, or text such as `30 min`; null: none.
    """

    def __init__(self, n_jobs: int, gpus: Sequence[int] | None = None, timeout: float | str | None = None) -> None:
        self.n_jobs, self.gpus, self.timeout = n_jobs, gpus, timeout

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """As Hydra calls it.

        Raises:
            UsageError: `n_jobs`, `gpus` or `timeout` is wrong.
        """
        if self.n_jobs < 1:
            raise UsageError(f"hydra.launcher.n_jobs={self.n_jobs}: must be a whole number at least 1")
        if self.gpus is not None and not (self.gpus and all(type(gpu) is int and gpu >= 0 for gpu in self.gpus)):
            raise UsageError(f"hydra.launcher.gpus={self.gpus}: must be null, or numbers of GPUs: [0,1]")
        try:
            self._seconds = math.inf if self.timeout is None else seconds(self.timeout)
        except ValueError as error:
            raise UsageError(f"hydra.launcher.timeout={error}") from None
        self._pool = Pool(self.n_jobs, self.gpus or ())
        self._context, self._function, self._config = hydra_context, task_function, config

    def prepare(self) -> None:
        """There will be jobs."""
        self._pool.prepare()

    def close(self) -> None:
        """There will be none."""
        self._pool.close()

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """All of a batch, as Hydra's other sweepers want it."""
        jobs = iter(enumerate(job_overrides, initial_job_idx))
        results = dict(self.stream(lambda: next(jobs, None)))
        return [_as_return(results[number]) for number in sorted(results)]

    def stream(
        self, next_job: Next, look: Callable[[], None] = lambda: None, until: float = math.inf
    ) -> Iterator[tuple[int, JobReturn | Exception]]:
        """(number, result) of jobs as they end.

        Args:
            next_job: Asked for (number, overrides) when a process is free.
            look: Called now and then; what it raises ends the jobs.
            until: When they are ended, by `time.monotonic`.
        """
        setup_globals()

        def next_task() -> Task | None:
            job = next_job()
            return None if job is None else self._task(*job)

        yield from self._pool.run(next_task, look, self._seconds, until)

    def _task(self, number: int, overrides: Sequence[str]) -> Task:
        config = self._context.config_loader.load_sweep_config(self._config, list(overrides))
        with open_dict(config):
            config.hydra.job.id = f"process_{number}"
            config.hydra.job.num = number
        folder = Path(str(config.hydra.sweep.dir)) / str(config.hydra.sweep.subdir)
        work = functools.partial(
            _work,
            self._context,
            self._function,
            config,
            Singleton.get_state(),
            list(sys.argv),
            list(sys.path),
            str(Path.cwd()),
        )
        return Task(number, cloudpickle.dumps(work), folder.absolute())


def _work(
    context: HydraContext,
    function: TaskFunction,
    config: DictConfig,
    state: Any,
    argv: list[str],
    path: list[str],
    folder: str,
) -> JobReturn:
    """In the process: the job, with the program and the packages of the process that has sent it."""
    sys.path[:] = [*path, *(entry for entry in sys.path if entry not in path)]
    os.chdir(folder)
    sys.argv[:] = argv
    setup_globals()
    Singleton.set_state(state)
    HydraConfig.instance().set_config(config)
    return run_job(
        hydra_context=context,
        task_function=function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )


def _as_return(result: JobReturn | Exception) -> JobReturn:
    if isinstance(result, JobReturn):
        return result
    failed = JobReturn()
    failed.return_value, failed.status = result, JobStatus.FAILED
    return failed
