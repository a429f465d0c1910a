"""Processes that Slurm places, through submitit: one job with a task for each."""

from __future__ import annotations

import json
import logging
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmlflow.errors import UsageError
from tfmlflow.launch import task
from tfmlflow.launch.member import Member

log = logging.getLogger(__name__)

LOOK = 0.2  # seconds between two looks into the folder
SIGN = 5.0  # seconds between two signs of life
TELL = 60.0  # seconds between two words about a job that waits


class OnSlurm:
    """Slurm, as an engine; with `cluster="local"` submitit's processes of this machine, to try it out.

    Args:
        folder: Of the run, on a file system that all machines see.
        options: Of submitit's executor: `slurm_partition`, `gpus_per_node`, `timeout_min`, `nodes`, ...
        cluster: slurm or local.

    Raises:
        UsageError: submitit is not installed, or there is no Slurm.
    """

    def __init__(self, folder: Path, options: Mapping[str, Any], cluster: str = "slurm") -> None:
        try:
            import submitit
        except ImportError:
            raise UsageError("--on slurm: submitit is not installed; pip install submitit") from None
        if cluster == "slurm" and shutil.which("sbatch") is None:
            raise UsageError("--on slurm: this machine has no sbatch; try it out by --on submitit_local")
        self._folder, self._options, self._cluster = folder.resolve() / "launch", dict(options), cluster
        self._submitit: Any = submitit
        self._job: Any = None
        self._place = self._folder
        self._over = threading.Event()
        threading.Thread(target=self._live, name="tfmlflow-launch", daemon=True).start()

    def addresses(self, needs: Sequence[bool]) -> list[str]:
        """As of `Engine`; waits in Slurm's queue for as long as it takes."""
        self._leave()
        number = len(list(self._folder.glob("job-*"))) if self._folder.is_dir() else 0
        self._place = self._folder / f"job-{number}"
        self._place.mkdir(parents=True)
        self._sign()
        nodes = int(self._options.get("nodes", 1))
        if len(needs) % nodes:
            raise UsageError(f"--slurm nodes={nodes}: must divide the {len(needs)} processes, as each node has as many")
        executor = self._submitit.AutoExecutor(folder=self._place / "submitit", cluster=self._cluster)
        try:
            executor.update_parameters(
                **{"name": "tfmlflow", "nodes": nodes, "tasks_per_node": len(needs) // nodes, "timeout_min": 60 * 24}
                | self._options
            )
        except (TypeError, ValueError, NameError) as error:
            raise UsageError(f"--slurm: {error}") from None
        self._job = executor.submit(task.serve, str(self._place), self._cluster == "local")
        files = [self._place / str(number) / "address" for number in range(len(needs))]
        told = time.monotonic()
        while not all(file.exists() for file in files):
            if self._job.done():
                raise UsageError(f"--on slurm: job {self._job.job_id} is {self._job.state}: {self._stderr()}")
            if time.monotonic() - told > TELL:
                told = time.monotonic()
                log.warning("job %s is %s", self._job.job_id, self._job.state)
            time.sleep(LOOK)
        return [file.read_text() for file in files]

    def start(self, place: int, member: Member) -> _Told:
        """As of `Engine`."""
        folder = self._place / str(place)
        number = len(list(folder.glob("start-*")))
        variables = dict(member.variables)  # all others come with the job
        order = {"command": list(member.command), "variables": variables, "folder": str(Path.cwd())}
        task.write(folder / f"start-{number}", json.dumps(order))
        return _Told(folder, number, self._job, place)

    def close(self) -> None:
        """As of `Engine`."""
        self._over.set()
        self._leave()

    def _leave(self) -> None:
        """Let the job end, which it does by itself."""
        if self._job is None:
            return
        (self._place / task.OVER).touch()
        deadline = time.monotonic() + task.LEAVE
        while not self._job.done() and time.monotonic() < deadline:
            time.sleep(LOOK)
        if not self._job.done():
            self._job.cancel(check=False)
        self._job = None

    def _stderr(self) -> str:
        lines = (self._job.stderr() or "it has said nothing").strip().splitlines()
        return str(lines[-1])

    def _live(self) -> None:
        while not self._over.wait(SIGN):
            self._sign()

    def _sign(self) -> None:
        if self._place.is_dir():
            task.write(self._place / task.ALIVE, str(time.time()))


class _Told:
    """A process of a task, as its files tell."""

    def __init__(self, folder: Path, number: int, job: Any, place: int) -> None:
        self._folder, self._number, self._job, self._task = folder, number, job, place
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            file = self._folder / f"code-{self._number}"
            if file.exists():
                self._code = int(file.read_text())
            elif self._job.task(self._task).done():
                self._code = -signal.SIGKILL  # the machine, or whoever has ended the job
        return self._code

    def send(self, number: int) -> None:
        if self.poll() is None:
            with (self._folder / f"signals-{self._number}").open("a") as file:
                file.write(f"{number:d}\n")

    def lines(self) -> Iterator[bytes]:
        file = self._folder / f"said-{self._number}"
        while not file.exists():
            if self.poll() is not None:
                return
            time.sleep(LOOK)
        with file.open("rb") as said:
            rest = b""
            while True:
                over = self.poll() is not None
                rest += said.read()
                *whole, rest = rest.split(b"\n")
                yield from (line + b"\n" for line in whole)
                if over:
                    return
                time.sleep(LOOK)
