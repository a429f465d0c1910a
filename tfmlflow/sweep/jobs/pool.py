"""Jobs in fresh processes, some at a time, at the price of a fork: they come out of one that has loaded TensorFlow."""

from __future__ import annotations

import contextlib
import json
import math
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmlflow.errors import UsageError
from tfmlflow.job.outcome import TimedOut
from tfmlflow.job.report import JobReport
from tfmlflow.vocabulary import EndReason

POLL = 0.05  # seconds
PATIENCE = 25.0  # seconds that the fork server has to end its children
OUTPUT = "output.txt"  # in the job's folder: what it prints
TASK, RESULT = "task", "result"  # files by which a task goes to its process, and comes back


class Died(Exception):
    """A process ended without a result."""


@dataclass
class Task:
    """What a process is to do.

    Attributes:
        key: Of the caller's.
        content: For the process, by cloudpickle: a function without arguments.
        folder: Where what it prints goes.
    """

    key: Any
    content: bytes
    folder: Path


class Pool:
    """Runs tasks in fresh processes.

    Args:
        size: How many at a time.
        gpus: One for each place, by the numbers that CUDA gives them; with fewer than places some are shared. Empty:
            every process sees all.
    """

    def __init__(self, size: int, gpus: Sequence[int] = ()) -> None:
        if not hasattr(os, "fork"):
            raise UsageError("hydra/launcher=process: needs Linux or macOS; use hydra/launcher=joblib")
        self._size, self._gpus = size, gpus
        self._places: dict[Any, int] = {}  # of tasks at work, by their keys
        self._fork_server: _ForkServer | None = None

    def prepare(self) -> None:
        """Have TensorFlow loaded meanwhile."""
        self._fork_server = self._fork_server or _ForkServer()

    def close(self) -> None:
        """End what is at work, and what was prepared."""
        if self._fork_server is not None:
            self._fork_server.close()
            self._fork_server = None
        self._places.clear()

    def run(
        self,
        next_task: Callable[[], Task | None],
        look: Callable[[], None] = lambda: None,
        timeout: float = math.inf,
        until: float = math.inf,
    ) -> Iterator[tuple[Any, Any]]:
        """Take tasks as processes become free, until there are none; gives (key, result or exception) as they end.

        Args:
            next_task: Gives them; None: there is none now.
            look: Called now and then; what it raises ends everything.
            timeout: Seconds for each, after which it is ended.
            until: When all are ended, by `time.monotonic`.
        """
        try:
            while True:
                look()
                while self._at_work < self._size and (task := next_task()) is not None:
                    self._ready().begin(task, self._placed(task))
                if not self._at_work:
                    return
                assert self._fork_server is not None
                self._fork_server.end_late(timeout, until)
                for key, result in self._fork_server.ended():
                    del self._places[key]
                    yield key, result
                time.sleep(POLL)
        finally:
            self.close()

    def _placed(self, task: Task) -> dict[str, str]:
        """Takes a free place; the environment that goes with it."""
        place = min(set(range(self._size)) - set(self._places.values()))
        self._places[task.key] = place
        return {"CUDA_VISIBLE_DEVICES": str(self._gpus[place % len(self._gpus)])} if self._gpus else {}

    @property
    def _at_work(self) -> int:
        return 0 if self._fork_server is None else len(self._fork_server.busy)

    def _ready(self) -> _ForkServer:
        """A fork server that lives, or has something to say of its end."""
        if self._fork_server is not None and not self._fork_server.alive and not self._fork_server.busy:
            self.close()
        self.prepare()
        assert self._fork_server is not None
        return self._fork_server


class _ForkServer:
    """The process that the others come out of (`worker`).

    Attributes:
        busy: Keys of tasks at work, by the folder of their files.
    """

    def __init__(self) -> None:
        self._place = tempfile.TemporaryDirectory(prefix="tfmlflow-jobs-", ignore_cleanup_errors=True)
        self.busy: dict[str, Any] = {}
        self._began: dict[str, float] = {}
        self._folders: dict[str, Path] = {}
        self._late: dict[str, TimedOut] = {}
        self._said = b""
        self._log = Path(self._place.name, OUTPUT)
        package = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        self._news, tells = os.pipe()
        os.set_blocking(self._news, False)
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tfmlflow.sweep.jobs.worker", str(tells)],
                env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.PIPE,  # its end tells that we are gone
                stdout=output,
                stderr=output,
                pass_fds=[tells],
            )
        os.close(tells)
        assert self._process.stdin is not None
        self._orders = self._process.stdin

    @property
    def alive(self) -> bool:
        """Whether it can take tasks."""
        return self._process.poll() is None

    def begin(self, task: Task, environment: Mapping[str, str]) -> None:
        """Have a task done by a process of its own."""
        task.folder.mkdir(parents=True, exist_ok=True)
        place = tempfile.mkdtemp(dir=self._place.name)
        Path(place, TASK).write_bytes(task.content)
        JobReport.end(task.folder, None)
        self.busy[place], self._folders[place] = task.key, task.folder
        order = json.dumps({"place": place, "output": str(task.folder / OUTPUT), "environment": dict(environment)})
        self._order(order)

    def _order(self, order: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has died: `ended` says so
            self._orders.write(order.encode() + b"\n")
            self._orders.flush()

    def end_late(self, timeout: float, until: float) -> None:
        """Have tasks ended whose time is over, all of it or that of each."""
        now = time.monotonic()
        for place in self.busy:
            if place not in self._late and (now >= until or now - self._began.get(place, now) >= timeout):
                self._late[place] = late = TimedOut(EndReason.TIME_BUDGET if now >= until else EndReason.TIMEOUT)
                JobReport.end(self._folders[place], late.reason)
                self._order(json.dumps({"place": place, "end": True}))

    def ended(self) -> list[tuple[Any, Any]]:
        """(key, result or exception) of the tasks whose processes have ended since."""
        alive = self.alive
        with contextlib.suppress(BlockingIOError):
            while read := os.read(self._news, 65536):
                self._said += read
        *lines, self._said = self._said.split(b"\n")
        codes: dict[str, int] = {}
        for said in map(json.loads, lines):
            if "code" in said:
                codes[said["place"]] = said["code"]
            else:
                self._began[said["place"]] = time.monotonic()
        found = [
            (self.busy.pop(place), self._late.pop(place, None) or _result(Path(place), code))
            for place, code in codes.items()
        ]
        if not alive:
            printed = self._log.read_text(errors="replace").strip().splitlines()
            last = f": {printed[-1]}" if printed and self._process.returncode >= 0 else ""
            code = f"{_how(self._process.returncode)}{last}"
            found += [(key, Died(f"the process that jobs come out of {code}")) for key in self.busy.values()]
            self.busy = {}
        return found

    def close(self) -> None:
        """End it, and all that is at work: SIGTERM, and after a while SIGKILL."""
        if self.busy:
            self._process.terminate()  # while it is loading it takes no orders any more
        else:
            self._process.kill()
        with contextlib.suppress(BrokenPipeError):
            self._orders.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._news)
        self._place.cleanup()


def _result(place: Path, code: int) -> Any:
    try:
        return pickle.loads((place / RESULT).read_bytes())
    except (OSError, EOFError, pickle.UnpicklingError):
        hint = ", perhaps by the system because memory ran out" if code == -signal.SIGKILL else ""
        return Died(f"its process {_how(code)}{hint}")


def _how(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
