"""The store fails while a real training runs: the training does not notice, and the run is complete afterwards.

Every test holds a training to the same promises (`kept_its_promises`):

* no step is held up: the training's thread asks nothing of the store while there are steps, and the longest time
  between the begins of two of them stays below that after which a request is given up. What is promised are 50 ms,
  which `benchmarks/` measure; a test that shares its cores with others cannot;
* the exit waits for the store at most `drain_timeout`: once it has been given up, the callback returns at once;
* whoever must wait longer for the run is told of `tfmlflow sync`;
* once the store is back the run is FINISHED, and true in all of its parts; there is no second one.
"""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.chaos import truth
from tests.chaos.training import Training
from tests.conftest import ROOT, clean_environment
from tests.servers.fault_proxy import FaultProxy
from tests.servers.mlflow_server import MlflowServer
from tests.stores import stop_shippers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("servers")]

OFTEN, RARE = ("refuse",), ("hang", "error500", "error429", "half", "slow")  # lost answers: test_once_only.py
EPOCHS, STEPS, SECONDS = 3, 100, 0.015
DRAIN = 2.0  # seconds
HELD_UP = 9000.0  # milliseconds; a request is given up after 10,000
OPENING = 5.0  # seconds that the one attempt to open the run may take
AT_ONCE = 2.5  # seconds, on a busy machine
SLACK = 15.0  # seconds, on a busy machine: the best model is saved, curves are drawn, TensorFlow is unloaded


@pytest.fixture(scope="module")
def trainers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Training]]:
    """Three processes that train when they are told to, one for each time at which the store fails."""
    with ThreadPoolExecutor() as pool:
        places = ("start", "middle", "end")
        started = list(pool.map(lambda place: Training(tmp_path_factory.mktemp(place) / "spool", "--serve"), places))
        list(pool.map(lambda trainer: trainer.until("READY"), started))
    yield dict(zip(places, started, strict=True))
    for trainer in started:
        with trainer:
            assert trainer.ended() == 0, trainer.text


@pytest.mark.parametrize("mode", [*OFTEN, *(pytest.param(mode, marks=pytest.mark.stress) for mode in RARE)])
def test_at_start_in_the_middle_and_at_the_end(
    sqlite_server: MlflowServer, trainers: dict[str, Training], tmp_path: Path, mode: str
) -> None:
    """Three trainings side by side, each with a network of its own."""
    with ThreadPoolExecutor() as pool:
        failing = {"start": fails_at_start, "middle": fails_in_the_middle, "end": fails_at_the_end}
        futures = [
            pool.submit(fails, Faulty(sqlite_server, trainers[place], tmp_path / place, mode))
            for place, fails in failing.items()
        ]
        for future in futures:
            future.result()


class Faulty:
    """A training with a network of its own, on which the store fails."""

    def __init__(self, server: MlflowServer, trainer: Training, folder: Path, mode: str) -> None:
        self.trainer, self.mode, self.spool = trainer, mode, folder / "spool"
        self.client = MlflowClient(server.uri)
        self.experiment = f"{mode}-{folder.name}-{uuid.uuid4().hex[:6]}"
        self.proxy = FaultProxy(server.uri, delay=2.0)
        folder.mkdir()

    def train(self) -> None:
        """Begin."""
        self.trainer.order(training(self.proxy.uri, self.experiment, self.spool))

    def __enter__(self) -> Faulty:
        self.proxy.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        stop_shippers(self.spool)
        self.proxy.__exit__()


def training(uri: str, experiment: str, spool: Path) -> list[str]:
    """The arguments of a training of about five seconds."""
    given = {"uri": uri, "experiment": experiment, "spool": spool, "drain-timeout": DRAIN, "register-as": experiment}
    given |= {"steps": STEPS, "seconds": SECONDS, "epochs": EPOCHS}
    return [*(word for key, value in given.items() for word in (f"--{key}", str(value))), "--validation"]


def fails_at_start(run: Faulty) -> None:
    """Before the run is opened and until the first epoch is over."""
    with run:
        run.proxy.mode = run.mode
        run.train()
        called, took = run.trainer.until("OPENED").split()
        assert float(took) < OPENING + SLACK, run.trainer.text
        if run.mode != "slow":
            assert called in {folder.key for folder in truth.folders(run.spool)}, "no local id"
            assert "tfmlflow sync" in run.trainer.text
        run.trainer.until("EPOCH 1")
        run.proxy.mode = "pass"
        kept_its_promises(run)


def fails_in_the_middle(run: Faulty) -> None:
    """Three seconds long, in which the shipper wants to deliver."""
    with run:
        run.train()
        run.trainer.until(f"STEP {STEPS // 2}")
        run.proxy.mode = run.mode
        run.trainer.until(f"STEP {5 * STEPS // 2}")
        run.proxy.mode = "pass"
        kept_its_promises(run)


def fails_at_the_end(run: Faulty) -> None:
    """From the last epoch on, until the training is over."""
    with run:
        run.train()
        run.trainer.until("EPOCH 2")
        run.proxy.mode = run.mode
        run.trainer.until("DONE")
        assert run.mode == "slow" or "tfmlflow sync" in run.trainer.text, run.trainer.text
        run.proxy.mode = "pass"
        kept_its_promises(run)


def kept_its_promises(run: Faulty) -> None:
    """See the head of this module."""
    if "DONE" not in run.trainer.lines:
        run.trainer.until("DONE")
    held_its_pace(run.trainer)
    truth.wait_delivered(run.spool)
    found = truth.assert_true(run.client, truth.only_folder(run.spool))
    assert truth.assert_only_run(run.client, run.experiment).info.run_id == found.info.run_id
    assert {"checkpoints/index.json"} < truth.files(run.client, found.info.run_id)
    assert len(truth.logged_models(run.client, found)) == 1


def held_its_pace(trainer: Training) -> None:
    """No step was held up, nor the exit."""
    said = {line.split()[0]: line.split()[1:] for line in trainer.lines if line}
    assert said["REQUESTS"] == ["0"], trainer.text
    assert float(said["LONGEST"][0]) < HELD_UP, trainer.text
    assert float(said["ENDED"][0]) < DRAIN + SLACK, trainer.text
    given_up, ended = trainer.said_at("is not complete in the MLflow store"), trainer.said_at("ENDED")
    if given_up is not None and ended is not None:
        assert ended - given_up < AT_ONCE, f"{ended - given_up:.1f} s after the store was given up\n{trainer.text}"


@pytest.mark.stress
def test_a_server_killed_and_started_again(tmp_path: Path) -> None:
    """The real one, with SIGKILL, in the middle of a training that is a whole process."""
    (tmp_path / "server").mkdir()
    with MlflowServer(tmp_path / "server", f"sqlite:///{tmp_path / 'server' / 'mlflow.db'}") as server:
        spool = tmp_path / "spool"
        with Training(spool, *training(server.uri, "killed", spool), "--system-metrics") as trainer:
            trainer.until(f"STEP {STEPS}")
            server.kill()
            trainer.until(f"STEP {2 * STEPS}")
            server.start()
            assert trainer.ended() == 0, trainer.text
        held_its_pace(trainer)
        client = MlflowClient(server.uri)
        truth.wait_delivered(spool)
        found = truth.assert_true(client, truth.only_folder(spool))
        assert truth.assert_only_run(client, "killed").info.run_id == found.info.run_id


def test_a_store_that_is_away_all_the_time(sqlite_server: MlflowServer, tmp_path: Path) -> None:
    """The whole process: exit code 0, and a later `tfmlflow sync` from another process delivers everything."""
    spool, experiment = tmp_path / "spool", f"away-{uuid.uuid4().hex[:6]}"
    with FaultProxy(sqlite_server.uri) as proxy:
        proxy.mode = "hang"
        with Training(spool, *training(proxy.uri, experiment, spool)) as trainer:
            trainer.until("DONE")
            began = time.monotonic()
            assert trainer.ended() == 0, trainer.text
            left = time.monotonic() - began
        held_its_pace(trainer)
        assert left < SLACK, "the process has waited for the store once more"
        assert trainer.text.count("tfmlflow sync") == 2, trainer.text  # at its start and at its end
        stop_shippers(spool)
        assert sync(spool).returncode == 1
        proxy.mode = "pass"
        done = sync(spool)
        assert done.returncode == 0, done.stdout + done.stderr
    client = MlflowClient(sqlite_server.uri)
    truth.wait_delivered(spool, 1)
    found = truth.assert_true(client, truth.only_folder(spool))
    assert truth.assert_only_run(client, experiment).info.run_id == found.info.run_id


def sync(spool: Path) -> subprocess.CompletedProcess[str]:
    """`tfmlflow sync`, as a user types it."""
    command = [sys.executable, "-c", "from tfmlflow.cli import main; main()", "sync", "--timeout", "3"]
    environment = clean_environment() | {"TFMLFLOW_SPOOL": str(spool), "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
