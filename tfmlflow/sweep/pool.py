"""Processes that train one job each, some at a time, while the next one is loading TensorFlow already."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POLL = 0.05  # seconds
PATIENCE = 20.0  # seconds that processes have after SIGTERM
OUTPUT = "output.txt"  # in the job's folder: what it prints


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
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._spare: deque[_Worker] = deque()
        self._busy: list[_Worker] = []

    def run(self, next_task: Callable[[], Task | None]) -> Iterator[tuple[Any, Any]]:
        """Take tasks as processes become free, until there are none; gives (key, result or exception) as they end."""
        more = True
        try:
            while more or self._busy:
                while more and len(self._busy) < self._size:
                    task = next_task()
                    if task is None:
                        more = False
                        break
                    worker = self._spare.popleft() if self._spare else _Worker()
                    worker.begin(task)
                    self._busy.append(worker)
                if more and not self._spare:
                    self._spare.append(_Worker())  # it loads TensorFlow while the others train
                for worker in [worker for worker in self._busy if worker.process.poll() is not None]:
                    self._busy.remove(worker)
                    yield worker.key, worker.result()
                time.sleep(POLL)
        finally:
            self.close()

    def close(self) -> None:
        """End what is at work: SIGTERM, and after a while SIGKILL."""
        left = [*self._busy, *self._spare]
        for worker in left:
            worker.process.terminate() if worker in self._busy else worker.process.kill()
        deadline = time.monotonic() + PATIENCE
        for worker in left:
            try:
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            worker.forget()
        self._busy, self._spare = [], deque()


class _Worker:
    """A process that loads TensorFlow, does one task and leaves."""

    def __init__(self) -> None:
        self._place = tempfile.TemporaryDirectory(prefix="tfmlflow-job-", ignore_cleanup_errors=True)
        self.key: Any = None
        package = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        self._log = Path(self._place.name, OUTPUT)
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tfmlflow.sweep.worker", self._place.name],
                env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.PIPE,  # its end tells the worker that we are gone
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def begin(self, task: Task) -> None:
        """Hand the task over."""
        self.key = task.key
        task.folder.mkdir(parents=True, exist_ok=True)
        Path(self._place.name, "task").write_bytes(task.content)
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died while it was loading: `result` says so
            self.process.stdin.write(os.fsencode(task.folder / OUTPUT) + b"\n")
            self.process.stdin.flush()

    def result(self) -> Any:
        """What the task returned, or why there is nothing."""
        code = self.process.wait()
        said = self._log.read_text(errors="replace").strip() if self._log.exists() else ""
        try:
            return pickle.loads(Path(self._place.name, "result").read_bytes())
        except (OSError, EOFError, pickle.UnpicklingError):
            if code < 0:
                name = signal.Signals(-code).name
                hint = ", perhaps by the system because memory ran out" if name == "SIGKILL" else ""
                return Died(f"its process was ended by {name}{hint}")
            return Died(f"its process ended with exit code {code}" + (f": {said.splitlines()[-1]}" if said else ""))
        finally:
            self.forget()

    def forget(self) -> None:
        """Close what is ours."""
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
        self._place.cleanup()
