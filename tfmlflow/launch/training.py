"""A training by several processes of this machine: begun, and begun again from its last epoch when one of them dies."""

from __future__ import annotations

import functools
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tfmlflow.errors import Interrupted, UsageError
from tfmlflow.job.cluster import VARIABLE, Cluster
from tfmlflow.job.job import DIED, GO_ON, OUTPUT
from tfmlflow.job.report import FILE, JobReport
from tfmlflow.launch.engine import Engine
from tfmlflow.launch.gang import Gang
from tfmlflow.launch.local import Local
from tfmlflow.launch.member import Ended, Member
from tfmlflow.launch.on_ray import OnRay
from tfmlflow.launch.on_slurm import OnSlurm
from tfmlflow.vocabulary import EndReason
from tfmlflow.whole_file import since

RUN_DIR = "hydra.run.dir="


@dataclass(frozen=True)
class Training:
    """What is to be run.

    Attributes:
        command: As one would type it for a single process: `train.py ...`.
        workers: How many.
        restarts: How often all may be started again, or one that the others can spare.
        folder: Of the run's config, log and checkpoints.
        gpus: Index of each worker's GPU; empty: all see what there is.
        servers: Parameter servers, beside workers and a chief of their own.
        on: The engine, a key of `ENGINES`.
        slurm: Options of submitit's executor.
    """

    command: tuple[str, ...]
    workers: int
    restarts: int
    folder: Path
    gpus: tuple[int, ...] = ()
    servers: int = 0
    on: str = "local"
    slurm: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        command: Sequence[str],
        workers: int,
        restarts: int,
        gpus: Sequence[int] = (),
        servers: int = 0,
        on: str = "local",
        slurm: Mapping[str, Any] | None = None,
    ) -> Training:
        """From a command line.

        Raises:
            UsageError: It cannot be run.
        """
        if not command:
            raise UsageError("tfmlflow launch: give the command after --, such as `-- train.py hardware=multi_worker`")
        first = Path(command[0])
        if first.suffix == ".py" and not first.is_file():
            raise UsageError(f"tfmlflow launch: there is no file {first}")
        if gpus and on != "local":
            raise UsageError(f"--gpus {','.join(map(str, gpus))}: of this machine; --on {on} gives each worker its own")
        if gpus and len(gpus) != workers:
            raise UsageError(
                f"--gpus {','.join(map(str, gpus))}: names {len(gpus)} for {workers} workers; one for each"
            )
        said = [word.removeprefix(RUN_DIR).strip("'\"") for word in command if word.startswith(RUN_DIR)]
        if any("$" in word for word in said):
            raise UsageError(f"{RUN_DIR}{said[-1]}: give a path as it is, which all workers and restarts share")
        folder = Path(said[-1]) if said else Path("outputs") / datetime.now().strftime("%Y-%m-%d/%H-%M-%S-%f")
        python = (sys.executable,) if first.suffix == ".py" else ()
        return cls(
            (*python, *(word for word in command if not word.startswith(RUN_DIR))),
            workers,
            restarts,
            folder,
            tuple(gpus),
            servers,
            on,
            dict(slurm or {}),
        )

    def run(self, say: Callable[[str], None]) -> int:
        """Run it to its end; the exit code.

        Args:
            say: Takes a line for the terminal.
        """
        engine = ENGINES[self.on](self)
        try:
            return self._run(engine, say)
        finally:
            engine.close()

    def _run(self, engine: Engine, say: Callable[[str], None]) -> int:
        died: Ended | None = None
        began, attempt, left = time.time(), 0, self.restarts
        with _Heeded() as heeded:
            while True:
                addresses = engine.addresses([cluster.task == "worker" for cluster in self._clusters()])
                gang = Gang(self._members(addresses, attempt, died, began), engine, say, left)
                try:
                    died = gang.wait()
                except Interrupted as told:
                    say(f"stopped by {signal.Signals(told.signum).name}: ending all workers")
                    heeded.again = functools.partial(gang.end, signal.SIGKILL)
                    gang.end(told.signum)
                    return 128 + told.signum
                if died is None:
                    return 0
                report = self._report(began)
                if died.code == 2 or (report is not None and report.reason == EndReason.NAN):
                    return max(1, died.code)
                say(f"{died}; all {'processes' if self.servers else 'workers'} were ended")
                if gang.restarts == 0:
                    return 1
                attempt, left = attempt + 1, gang.restarts - 1
                say(f"starting all again, {self.restarts - left} of {self.restarts}, after the last whole epoch")

    def _report(self, began: float) -> JobReport | None:
        """What the chief has left; in a folder that was used before, nothing that is older."""
        return JobReport.read(self.folder) if since(self.folder / FILE, began) else None

    def _members(self, addresses: Sequence[str], attempt: int, died: Ended | None, began: float) -> list[Member]:
        """All processes, the chief first."""
        report = self._report(began) if attempt else None
        members = []
        for cluster in self._clusters(addresses):
            chief = cluster.task == "chief" or (not self.servers and cluster.index == 0)
            folder = self.folder.resolve() / ("" if chief else cluster.name.replace(" ", "-"))
            own: dict[str, str | None] = {VARIABLE: cluster.as_variable(), OUTPUT: str(folder), "PYTHONUNBUFFERED": "1"}
            if not chief:
                own["MLFLOW_RUN_ID"] = None
            if attempt:
                own |= {GO_ON: str(began), DIED: str(died)}
            if self.gpus:
                own["CUDA_VISIBLE_DEVICES"] = str(self.gpus[cluster.index]) if cluster.task == "worker" else ""
            if chief and report is not None and report.run_id is not None and report.in_store:
                own["MLFLOW_RUN_ID"] = report.run_id
            trains = cluster.task == "worker"
            spare = self.servers > 0 and trains
            members.append(Member(cluster.name, self.command, own, folder / "output.log", spare, trains))
        return members

    def _clusters(self, addresses: Sequence[str] = ()) -> list[Cluster]:
        """As each process is to know it, the chief first; its addresses in the same order."""
        chief, rest = (next(iter(addresses), ""), addresses[1:]) if self.servers else ("", addresses)
        workers, servers = tuple(rest[: self.workers]), tuple(rest[self.workers :])
        places = [("chief", 0)] if self.servers else []
        places += [("worker", index) for index in range(self.workers)] + [
            ("ps", index) for index in range(self.servers)
        ]
        return [Cluster(workers, servers, chief, task, index) for task, index in places]


ENGINES: dict[str, Callable[[Training], Engine]] = {
    "local": lambda training: Local(),
    "ray": lambda training: OnRay(),
    "slurm": lambda training: OnSlurm(training.folder, training.slurm),
    "submitit_local": lambda training: OnSlurm(training.folder, training.slurm, "local"),
}


class _Heeded:
    """SIGINT, SIGTERM and SIGHUP raise `Interrupted`, the first time; a second one does what `again` says."""

    def __init__(self) -> None:
        self.again: Callable[[], None] = lambda: None
        self._told = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Heeded:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # what `nohup` ignores stays ignored
                self._before[number] = signal.signal(number, self._handle)
        return self

    def _handle(self, number: int, frame: object) -> None:
        if self._told:
            self.again()
            return
        self._told = True
        raise Interrupted(number)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
