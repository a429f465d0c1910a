"""The sweeper behind `-m`: many jobs under one MLflow run, all of it checked before the first starts."""

from __future__ import annotations

import os
import sys
import traceback
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper as HydraSweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from tfmlflow import whole_file
from tfmlflow.config.together.compression import is_on
from tfmlflow.errors import JobFailed, UsageError
from tfmlflow.job.job import ADOPT
from tfmlflow.masking import masked_text
from tfmlflow.sweep.jobs.interfaces import StreamingLauncher
from tfmlflow.sweep.jobs.runner import SweepRunner
from tfmlflow.sweep.jobs.sweep_file import SweepFile
from tfmlflow.sweep.leaderboard import table
from tfmlflow.sweep.leaderboard.leaderboard import Leaderboard
from tfmlflow.sweep.leaderboard.progress import SweepProgress
from tfmlflow.sweep.plan import Plan
from tfmlflow.sweep.plan_check import check
from tfmlflow.vocabulary import EndReason, Tag

if TYPE_CHECKING:
    from tfmlflow.tracking.sweep.run import SweepRun

BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
# Of `hardware`: what TensorFlow takes once for a process.
ONCE = ("devices", "memory_growth", "memory_limit", "intra_op_threads", "inter_op_threads", "deterministic")


class Sweeper(HydraSweeper):
    """Runs every job that a command line with `-m` describes, or that the sampler proposes.

    Args:
        max_batch_size: Jobs that a launcher gets at once, null for all that are known.
        params: Overrides that a config file may hold instead of the command line.
    """

    def __init__(self, max_batch_size: int | None = None, params: Mapping[str, Any] | None = None) -> None:
        self._batch, self._params = max_batch_size, dict(params or {})

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """As Hydra calls it."""
        self._context, self._config = hydra_context, config
        self._launcher: Any = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """As Hydra calls it.

        Raises:
            UsageError: Something is wrong with a job, and none was started.
            JobFailed: At least one failed; the others went on unless `sweep.on_failure=stop`.
        """
        loader = self._context.config_loader
        given = [*(f"{key}={value}" for key, value in self._params.items()), *arguments]
        plan = Plan.of(loader, self._config, given)
        check(plan)
        if OmegaConf.select(self._config, "hydra.launcher._target_") == BASIC:
            _require_one_process(plan)

        streaming = self._launcher if isinstance(self._launcher, StreamingLauncher) else None
        if streaming is not None:
            streaming.prepare()
        try:
            return self._run(plan, arguments)
        except (UsageError, JobFailed):
            raise
        except Exception as error:  # of a sampler or a launcher, when jobs may have run: not the command's fault
            print(masked_text(traceback.format_exc()), end="", file=sys.stderr)
            raise JobFailed from error
        finally:
            if streaming is not None:
                streaming.close()

    def _run(self, plan: Plan, arguments: list[str]) -> None:
        from tfmlflow.tracking.sweep import lock  # MLflow loads here, after everything was checked
        from tfmlflow.tracking.sweep import run as sweep_run
        from tfmlflow.tracking.sweep.origin import common

        configs = [plan.settings_of(plan.space.job(point)) for point in plan.points or plan.space.ends()]
        origin = common(configs)
        group = sweep_run.experiment(plan.settings, origin)
        source, code = sweep_run.source()
        identity = plan.identity(code)
        place = plan.place(identity, sweep_run.store_uri(plan.settings))
        folder = Path(str(self._config.hydra.sweep.dir))
        with lock.alone(identity, sweep_run.store_uri(plan.settings), group):
            search = plan.search(place)
            folder.mkdir(parents=True, exist_ok=True)
            _keep(self._config, folder / "multirun.yaml")
            name, adopt = _name(plan), _adopted()
            with sweep_run.SweepRun.open(plan.settings, identity, name, arguments, adopt, origin) as run:
                study = {} if plan.said["pruner"] == "none" else place.__dict__
                start = uuid.uuid4().hex
                SweepFile(identity, run.run_id, plan.space.keys, source, study, start, run.key).write(folder)
                console = Console(highlight=False, markup=False)
                leaderboard = Leaderboard(plan.objectives, plan.measured)
                progress = SweepProgress(console, search.total, leaderboard)
                finished = {} if plan.said["rerun"] else run.finished(plan.objectives[0][0])
                runner = SweepRunner(plan, search, progress, folder, finished, code, run, start)
                jobs = "1 job" if search.total == 1 else f"{search.total} jobs"
                console.print(f"sweep {identity}: {jobs}\nrun   {run.address()}", soft_wrap=True)
                if len(plan.kinds) > 1:
                    apart = f"not comparable between {', '.join(plan.kinds[:4])}, which are ranked apart"
                    console.print(f"      {plan.objectives[0][0]} is {apart}", soft_wrap=True)
                for line in plan.space.conditions:
                    console.print(f"      {line}", soft_wrap=True)
                try:
                    runner.run(self._launcher, self._size())
                finally:
                    progress.close()
                    _conclude(run, leaderboard)
                _report(run, leaderboard, plan, name)
                pareto = run.pareto(_ids(leaderboard)) if any(map(is_on, configs)) else None
                if leaderboard.failed:
                    run.session.reason = EndReason.ERROR
        progress.report()
        if pareto is not None:
            console.print(pareto.table())
        compared = [row.outcome.run_id for row in leaderboard.ordered() if row.outcome.run_id]
        if len(compared) > 1:
            console.print(f"compare  {run.comparison(compared)}", soft_wrap=True)
        console.print(f"sweep    {run.address()}", soft_wrap=True)
        if leaderboard.failed:
            raise JobFailed

    def _size(self) -> int | None:
        """Jobs for the launcher at once: one where they run in this process, else as many as are known."""
        if OmegaConf.select(self._config, "hydra.launcher._target_") == BASIC:
            return 1
        said = OmegaConf.select(self._config, "hydra.launcher.n_jobs")
        sampled = OmegaConf.select(self._config, "sweep.sampler") is not None
        stops = OmegaConf.select(self._config, "sweep.on_failure") == "stop"
        if self._batch is None and (sampled or stops):
            return int(said) if isinstance(said, int) and said > 0 else 1
        return self._batch


def _keep(config: DictConfig, file: Path) -> None:
    """Write what the sweep is repeated from, secrets too: then for its owner alone, and never for others before."""
    text = OmegaConf.to_yaml(config)
    whole_file.write(file, text, mode=0o600 if masked_text(text) != text else 0o666)


def _require_one_process(plan: Plan) -> None:
    """Refuse jobs that differ in what TensorFlow takes once for a process, where all run in one."""
    seen: dict[str, Any] = {}
    points = plan.points or list(plan.space.ends())
    if not any(key.startswith("hardware") for key in plan.space.keys):
        return
    for point in points:
        hardware = plan.settings_of(plan.space.job(point))["hardware"]
        for key in ONCE:
            if key in hardware and seen.setdefault(key, hardware[key]) != hardware[key]:
                raise UsageError(
                    f"hardware.{key}={seen[key]},{hardware[key]}: TensorFlow takes this once for a process, and "
                    "all jobs run in one here; add hydra/launcher=process, which gives each job its own"
                )


def _adopted() -> str | None:
    return os.environ.get(ADOPT)


def _name(plan: Plan) -> str:
    if named := os.environ.get("MLFLOW_RUN_NAME"):
        return named
    keys = [key.rsplit(".", 1)[-1] if "." in key else key for key in plan.space.keys]
    return f"sweep {plan.said['name']} " + " ".join(dict.fromkeys(keys)) if keys else f"sweep {plan.said['name']}"


def _conclude(run: SweepRun, leaderboard: Leaderboard) -> None:
    """What came out, into the sweep's run; also of one that is stopped."""
    best = leaderboard.best
    counted = {"finished": leaderboard.finished, "failed": leaderboard.failed, "pruned": leaderboard.pruned}
    counted |= {"stopped": leaderboard.stopped} if leaderboard.stopped else {}
    metrics = {f"sweep/{name}": float(len(rows)) for name, rows in counted.items()}
    tags: dict[str, str] = {}
    if best is not None and leaderboard.reaches is not None:
        metrics["sweep/best"] = leaderboard.reaches
        tags = {Tag.BEST_RUN: str(best.outcome.run_id), Tag.BEST_JOB: str(best.number)}
    run.result(metrics, tags, table.csv_text(leaderboard))
    run.describe(table.markdown(leaderboard, run.link))
    run.reused([row.outcome.run_id for row in leaderboard.rows if row.outcome.before and row.outcome.run_id])


def _report(run: SweepRun, leaderboard: Leaderboard, plan: Plan, name: str) -> None:
    """The comparison of the jobs, into the sweep's run."""
    ids = _ids(leaderboard)
    if ids:
        metric, mode = plan.objectives[0]
        run.report(ids, name, metric, mode)
        run.describe(table.markdown(leaderboard, run.link))


def _ids(leaderboard: Leaderboard) -> list[str]:
    """Of the jobs' runs."""
    return [row.outcome.run_id for row in leaderboard.rows if row.outcome.run_id]
