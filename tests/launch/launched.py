"""A training as `tfmlflow launch` starts it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from mlflow.entities import Run

from tests import stores
from tests.chaos.script import eventually
from tests.conftest import ROOT, clean_environment
from tests.forked import MEMBERS, Forked, started
from tfmlflow.tracking.journal.run_folder import RunFolder

COMMON = ("trainer.epochs=4", "data.batch_size=8", "model.dropout=0.2", "optimizer=sgd", "optimizer.learning_rate=0.02")


class Launched:
    """A training by two workers, in step, or with servers.

    Its processes are forked from one that has loaded TensorFlow, unless they are to be `fresh`, or somebody else's.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        restarts: int = 0,
        servers: int = 0,
        on: str = "local",
        fresh: bool = False,
        common: Sequence[str] = COMMON,
        **variables: str,
    ) -> None:
        self.folder, self.out = folder, folder / "out"
        if not (folder / "mlflow.db").exists():
            stores.ready(folder)
        launch = ("-m", "tfmlflow", "launch", "--workers", "2", "--servers", str(servers), "--on", on)
        hardware = "parameter_server" if servers else "multi_worker"
        train = (str(ROOT / "train.py"), f"hardware={hardware}", *common, f"hydra.run.dir={self.out}", *arguments)
        environment = {**clean_environment(), "PYTHONPATH": str(ROOT), **variables}
        self._output = (folder / "said").open("wb")
        words = (*launch, "--max-restarts", str(restarts), "--", *train)
        self.process = started(words, folder, environment, self._output, self._output, fresh or on != "local")

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text()

    def until(self, text: str) -> None:
        """Wait until it says so."""
        deadline = time.monotonic() + 120
        while text not in self.said and time.monotonic() < deadline and self.process.poll() is None:
            time.sleep(0.05)
        assert text in self.said

    def member(self, folder: str = "") -> psutil.Process:
        """The process that has this folder; the chief by default."""
        mine = str(self.out / folder)
        if isinstance(self.process, Forked):
            return next(one for one, place in reversed(self._members()) if Path(place) == self.out / folder)
        children = psutil.Process(self.process.pid).children()
        return next(one for one in children if one.environ().get("TFMLFLOW_OUTPUT") == mine)

    def members(self) -> list[psutil.Process]:
        """All that were forked and live."""
        return [one for one, _ in self._members()]

    def placed(self, folder: str) -> psutil.Process:
        """The same of one that somebody else has started."""
        mine = str(self.out / folder) if folder else str(self.out)
        for one in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if "train.py" in " ".join(one.cmdline()[:2]) and one.environ().get("TFMLFLOW_OUTPUT") == mine:
                    return one
        raise LookupError(f"no process has {mine}")

    def ended(self) -> int:
        """Its exit code."""
        return self.process.wait(240)

    def delivered(self) -> Run:
        """Its run, once the store has all of it: a worker leaves without waiting for what it says of itself."""
        run = stores.only_run(self.folder)
        parts = list(Path(os.environ["TFMLFLOW_SPOOL"], "runs").glob(f"{run.info.run_id}*"))
        eventually(lambda: all(RunFolder(part).delivered for part in parts), 30, lambda: f"not delivered: {parts}")
        return stores.only_run(self.folder)

    def variables(self) -> dict[str, Any]:
        """The last checkpoint's."""
        last = max((self.out / "checkpoints").glob("step-*.npz"))
        with np.load(last) as stored:
            return {key: stored[key] for key in stored if key != "about"}

    def _members(self) -> list[tuple[psutil.Process, str]]:
        """Processes that were forked and live, and their folders."""
        found = []
        for line in (self.folder / MEMBERS).read_text().splitlines() if (self.folder / MEMBERS).exists() else ():
            pid, _, place = line.partition(" ")
            with contextlib.suppress(psutil.NoSuchProcess):
                one = psutil.Process(int(pid))
                found += [(one, place)] if "train.py" in " ".join(one.cmdline()[:2]) else []
        return found

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for member, _ in self._members():  # those that are not forked end with their parent
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        self._output.close()


@contextlib.contextmanager
def launched(folder: Path, *arguments: str, **options: Any) -> Iterator[Launched]:
    training = Launched(folder, *arguments, **options)
    try:
        yield training
    finally:
        training.close()


def curve(folder: Path, run: Any, key: str) -> list[float]:
    """The values of a metric."""
    points = stores.client(folder).get_metric_history(run.info.run_id, key)
    return [point.value for point in sorted(points, key=lambda point: (point.step, point.timestamp))]


def ended_by_ctrl_c(training: Launched, *members: psutil.Process) -> None:
    """Press it: the run is KILLED, and none of the processes is left."""
    os.kill(training.process.pid, signal.SIGINT)
    assert training.ended() == 130
    _, alive = psutil.wait_procs(members, timeout=10)
    assert alive == []
    run = stores.only_run(training.folder)
    assert (run.info.status, run.data.tags["tfmlflow.end_reason"]) == ("KILLED", "signal")
