"""Somebody's script, in a process of its own, and ways to wait for what becomes of its run."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

import psutil
from mlflow import MlflowClient
from mlflow.entities import Run

from tests import stores
from tests.chaos import truth
from tests.conftest import clean_environment
from tests.forked import started
from tfmlflow.tracking.journal.run_folder import RunFolder
from tfmlflow.tracking.journal.spool import Spool
from tfmlflow.tracking.shipper import launch

SHIPPER = "tfmlflow.tracking.shipper"
NOISE = re.compile(r"WARNING: All log messages before absl|[IWE]\d{4} 00:00:")

Store = Callable[[Path], Path]

TRUTHFUL = 45.0  # seconds; 15 on a machine that does nothing else
SAFE = 30.0  # seconds; 10 on such a machine
Found = TypeVar("Found")


class Script:
    """A Python script in a process, a spool and an SQLite store of its own; what it says is read while it runs.

    Args:
        folder: Where it runs, made for it.
        words: The script's text, or a file; then its arguments.
        spool: Another one's.
        store: The folder of another one's store.
        environment: Further variables.
    """

    def __init__(
        self, folder: Path, *words: str, spool: Path | None = None, store: Path | None = None, **environment: str
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if store is None and not (folder / "mlflow.db").exists():
            stores.ready(folder)
        self.folder, self.spool, self.store = folder, spool or folder / "spool", store or folder
        self._output, self._errors = folder / "output.txt", folder / "errors.txt"
        command = list(words) if words[0].endswith(".py") or words[0].startswith("-") else ["-c", *words]
        given = {
            "CUDA_VISIBLE_DEVICES": "-1",
            "PYTHONUNBUFFERED": "1",
            "TFMLFLOW_SPOOL": str(self.spool),
            "TFMLFLOW_SHIPPER_IDLE": "3",
            "MLFLOW_TRACKING_URI": self.uri,
        }
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self.process = started(command, folder, clean_environment() | given | environment, output, errors)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        stores.stop_shippers(self.spool)

    @property
    def uri(self) -> str:
        """Of the store."""
        return f"sqlite:///{self.store / 'mlflow.db'}"

    @property
    def client(self) -> MlflowClient:
        """Of the store."""
        return stores.client(self.store)

    @property
    def said(self) -> str:
        """What it printed."""
        return self._output.read_text(errors="replace")

    @property
    def errors(self) -> str:
        """What it printed to stderr, without what TensorFlow says of a machine that has no GPU."""
        lines = self._errors.read_text(errors="replace").splitlines(keepends=True)
        return "".join(line for line in lines if not NOISE.match(line))

    @property
    def steps(self) -> dict[int, float]:
        """When each step was done, by `time.time`."""
        lines = [line.split() for line in self.said.splitlines() if line.startswith("STEP ")]
        return {int(words[1]): float(words[2]) for words in lines if len(words) == 3}

    @property
    def run_folder(self) -> RunFolder:
        """The one run in its spool."""
        return truth.only_folder(self.spool)

    @property
    def run(self) -> Run:
        """The one run in its store."""
        return stores.only_run(self.store)

    def until(self, words: str, timeout: float = 120) -> None:
        """A line begins with `words`."""
        eventually(
            lambda: any(f"{line} ".startswith(f"{words} ") for line in self.said.splitlines()),
            timeout,
            lambda: f"{words!r} was not said, exit code {self.process.poll()}:\n{self.said[-500:]}\n{self.errors}",
            unless=lambda: self.process.poll() is not None and words not in self.said,
            pause=0.01,
        )

    def send(self, number: int) -> float:
        """A signal; the time just before it, by `time.time`."""
        moment = time.time()
        self.process.send_signal(number)
        return moment

    def ended(self, timeout: float = 120) -> int:
        """Its exit code."""
        return self.process.wait(timeout)


def eventually(
    found: Callable[[], Found],
    timeout: float,
    why: Callable[[], object] = lambda: "",
    unless: Callable[[], bool] = lambda: False,
    pause: float = 0.1,
) -> Found:
    """What `found` gives once it gives something, within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := found()):
        assert time.monotonic() < deadline, f"not within {timeout:.0f} s: {why()}"
        assert not unless(), why()
        time.sleep(pause)
    return value


def two_at_a_time(jobs: Sequence[Callable[[], Found]]) -> list[Found]:
    """What the jobs return; one that fails does not keep the others from their end."""
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(job) for job in jobs]
    return [future.result() for future in futures]


def shippers(spool: Path) -> list[int]:
    """The shipper processes of a spool."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        words = process.info["cmdline"] or []
        if SHIPPER in words and str(spool) in words:
            found.append(process.info["pid"])
    return found


def shipper_at_work(spool: Path) -> int | None:
    """The pid of the shipper that says of itself that it is at work."""
    for file in spool.glob("shipper-*.json"):
        try:
            pid = int(json.loads(file.read_text())["pid"])
        except (OSError, ValueError):
            continue
        if pid in shippers(spool):
            return pid
    return None


def said_by_shipper(script: Script) -> str:
    """Its log, and what it says of itself, for messages."""
    return truth.shipper_log(script.spool) + str(launch.state(Spool(script.spool), script.uri))


def found_killed(script: Script) -> Run | None:
    """The run, once it has the status and the reason of a run whose trainer was killed."""
    run = script.run
    done = run.info.status == "FAILED" and run.data.tags.get("tfmlflow.end_reason") == "killed"
    return run if done else None


def stored_steps(script: Script, key: str = "batch/loss") -> list[int]:
    """The steps of a metric in the store, in their order."""
    return sorted(point.step for point in script.client.get_metric_history(script.run.info.run_id, key))
