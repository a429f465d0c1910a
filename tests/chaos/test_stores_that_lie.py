"""Stores that answer, but not as they should: another database, no login, no room; and what lies between them and us.

The runs are said by this process, without a training; their shipper is a process of its own, as always.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import psutil
import pytest
from mlflow import MlflowClient

from tests import stores
from tests.chaos.script import Script, Store, eventually, shipper_at_work, shippers, stored_steps
from tests.conftest import run
from tests.servers.fault_proxy import FaultProxy
from tests.servers.forward_proxy import ForwardProxy
from tests.servers.mlflow_server import MlflowServer
from tfmlflow.tracking.journal.spool import Spool
from tfmlflow.tracking.operations import pending
from tfmlflow.tracking.run import opening
from tfmlflow.tracking.run.outbox import Outbox
from tfmlflow.tracking.run.session import Session
from tfmlflow.tracking.shipper import launch

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("servers")]
STRESS = pytest.mark.stress

POINTS = 1000


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "spool"
    monkeypatch.setenv("TFMLFLOW_SPOOL", str(folder))
    monkeypatch.setenv("TFMLFLOW_SHIPPER_IDLE", "2")
    yield folder
    stores.stop_shippers(folder)


class Said:
    """A run that this process says."""

    def __init__(self, uri: str, known: bool = True) -> None:
        self.uri, self.name = uri, f"lie-{uuid.uuid4().hex[:8]}"
        local = uuid.uuid4().hex
        opened = opening.create(uri, self.name, "told", {}, local) if known else opening.Opened(away="away")
        self.session = Session(
            *(Outbox(opened.run_id or local, uri), uri, opened, self.name, "told", {}),
            drain_timeout=1.0,
            system_metrics=False,
        )
        self._step = 0

    def say(self, count: int = POINTS) -> None:
        """So many points."""
        steps = np.arange(self._step + 1, self._step + count + 1)
        self._step += count
        self.session.series("batch/loss", steps, np.full(count, time.time()), 1.0 / steps)
        self.session.soon()

    def end(self) -> None:
        """The training is over."""
        self.session.text("note.txt", "something to keep", "notes")
        self.session.end("FINISHED", "completed")

    def is_true(self, client: MlflowClient) -> bool:
        """Whether the store has all of it, once."""
        experiment = client.get_experiment_by_name(self.name)
        found = client.search_runs([experiment.experiment_id]) if experiment is not None else []
        if len(found) != 1 or found[0].info.status != "FINISHED" or "tfmlflow.incomplete" in found[0].data.tags:
            return False
        run_id = found[0].info.run_id
        points = client.get_metric_history(run_id, "batch/loss")
        notes = [entry.path for entry in client.list_artifacts(run_id, "notes")]
        return len(points) == self._step and notes == ["notes/note.txt"]


def sync(folder: Path, *words: str, **environment: str) -> Any:
    return run("-m", "tfmlflow", "sync", *words, cwd=folder, timeout=90, **environment)


def item(spool: Path) -> pending.Item:
    (found,) = pending.items(Spool(spool))
    return found


def delivered(spool: Path, timeout: float = 90) -> None:
    eventually(lambda: item(spool).whole and item(spool).delivered, timeout, lambda: item(spool))


@pytest.mark.stress
def test_a_server_started_on_an_empty_database_and_then_on_the_right_one(
    tmp_path: Path, spool: Path, sqlite_server: MlflowServer
) -> None:
    """Once: RUNNING, 0 of 543 points, exit code 0, "Nothing is lost"."""
    (tmp_path / "other").mkdir()
    with (
        MlflowServer(tmp_path / "other", f"sqlite:///{tmp_path / 'other' / 'mlflow.db'}") as other,
        FaultProxy(sqlite_server.uri) as address,
    ):
        told = Said(address.uri)
        told.say()
        eventually(lambda: item(spool).left == 0, 30)
        address.upstream_uri = other.uri
        told.say()
        told.end()
        assert eventually(lambda: item(spool).trouble, 60).kind == "unknown"
        done = sync(tmp_path, "--timeout", "8")
        assert done.returncode == 1, done.stdout
        assert "does not know the run" in done.stdout
        assert "--anew" in done.stdout
        assert "--drop" in done.stdout
        assert "does not know the run" in run("-m", "tfmlflow", "runs", "--uri", address.uri, cwd=tmp_path).stdout
        address.upstream_uri = sqlite_server.uri
        delivered(spool)
        assert told.is_true(MlflowClient(sqlite_server.uri))
        assert MlflowClient(other.uri).get_experiment_by_name(told.name) is None
        assert sync(tmp_path).returncode == 0


def test_a_run_that_is_lost_for_good_is_delivered_anew_or_dropped(
    tmp_path: Path, spool: Path, sqlite_server: MlflowServer
) -> None:
    client, told = MlflowClient(sqlite_server.uri), Said(sqlite_server.uri)
    told.say(10)
    eventually(lambda: item(spool).left == 0, 30)
    lost = told.session.run_id
    client.delete_run(lost)
    told.say(90)
    told.end()
    eventually(lambda: item(spool).trouble, 60)
    assert sync(tmp_path, "--anew", lost[:12]).returncode == 0
    assert told.is_true(client)
    assert sync(tmp_path, "--drop", "nothing like it").returncode == 2
    assert sync(tmp_path, "--drop", lost[:12]).returncode == 0
    assert list(pending.items(Spool(spool))) == []


@pytest.mark.stress
def test_a_server_that_hangs_at_first_contact_and_longer_than_a_shipper_is_idle(
    tmp_path: Path, spool: Path, sqlite_server: MlflowServer
) -> None:
    """Once the shipper was gone after ten seconds, with "0 runs left"."""
    with FaultProxy(sqlite_server.uri) as address:
        address.mode = "hang"
        told = Said(address.uri, known=False)
        told.say()
        told.end()
        time.sleep(14)
        eventually(lambda: shipper_at_work(spool), 30, lambda: f"it has left with work undone: {list(spool.iterdir())}")
        address.mode = "pass"
        delivered(spool)
        assert told.is_true(MlflowClient(sqlite_server.uri))


def test_by_a_proxy_alone(tmp_path: Path, spool: Path, sqlite_server: MlflowServer, monkeypatch: Any) -> None:
    with ForwardProxy(sqlite_server.uri) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.uri)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
        told = Said("http://store.invalid:5000")
        assert told.session.run_id != told.session._outbox.folder.key or len(told.session.run_id) == 32
        told.say()
        told.end()
        delivered(spool)
        assert proxy.hosts == {"store.invalid:5000"}
        assert told.is_true(MlflowClient(sqlite_server.uri))
        compared = run(
            *("-m", "tfmlflow", "compare", "--uri", "http://store.invalid:5000", "--experiment", told.name),
            *("--metric", "batch/loss"),
            cwd=tmp_path,
            HTTP_PROXY=proxy.uri,
        )
        assert compared.returncode == 0, compared.stderr


@pytest.mark.stress
def test_a_password_that_expires_in_the_middle(tmp_path: Path, spool: Path, sqlite_server: MlflowServer) -> None:
    with ForwardProxy(sqlite_server.uri) as door:
        door.login = "me:old"
        told = Said(door.uri.replace("http://", "http://me:old@"))
        told.say()
        eventually(lambda: item(spool).left == 0, 30)
        door.login = "me:new"
        told.say()
        told.end()
        assert "401" in eventually(lambda: item(spool).shipper.away, 30)
        done = sync(tmp_path, MLFLOW_TRACKING_URI=door.uri.replace("http://", "http://me:new@"))
        assert done.returncode == 0, done.stdout
        door.login = None
        assert told.is_true(MlflowClient(sqlite_server.uri))


@pytest.mark.stress
def test_a_server_that_has_moved(tmp_path: Path, spool: Path, sqlite_server: MlflowServer) -> None:
    with ForwardProxy(sqlite_server.uri) as door:
        door.redirect = True
        told = Said(door.uri)
        told.say()
        told.end()
        delivered(spool)
        assert told.is_true(MlflowClient(sqlite_server.uri))


@pytest.mark.parametrize(
    "status", [404, pytest.param(403, marks=STRESS), *(pytest.param(code, marks=STRESS) for code in (500, 507))]
)
def test_files_that_are_refused_while_metrics_are_taken(
    tmp_path: Path, spool: Path, sqlite_server: MlflowServer, status: int
) -> None:
    def files(method: str, path: str) -> int | None:
        return status if method == "PUT" and "mlflow-artifacts" in path else None

    client = MlflowClient(sqlite_server.uri)
    with ForwardProxy(sqlite_server.uri) as door:
        door.refuse = files
        told = Said(door.uri)
        told.say()
        told.end()
        run_id = told.session.run_id
        eventually(lambda: len(client.get_metric_history(run_id, "batch/loss")) == POINTS, 30)
        time.sleep(2)
        assert client.get_run(run_id).info.status == "RUNNING"  # the status is the last thing that it is told
        done = sync(tmp_path, "--timeout", "8")
        assert done.returncode == 1
        assert ("does not know the place" if status == 404 else str(status)) in done.stdout.replace("\n", " "), (
            done.stdout
        )
        door.refuse = lambda method, path: None
        delivered(spool)
        assert told.is_true(client)


@pytest.mark.stress
def test_a_store_that_can_only_be_read(tmp_path: Path, spool: Path, disk: Path) -> None:
    client = stores.client(disk)
    client.search_experiments()
    client._tracking_client.store.engine.dispose()  # a disk on which a file is open for writing stays writable
    mount("-o", "remount,ro", str(disk))
    told = Said(f"sqlite:///{disk / 'mlflow.db'}", known=False)
    told.say()
    told.end()
    eventually(lambda: item(spool).shipper.away or item(spool).trouble, 40)
    done = sync(tmp_path, "--timeout", "8")
    assert done.returncode == 1
    assert "readonly" in done.stdout
    mount("-o", "remount,rw", str(disk))
    delivered(spool)
    assert told.is_true(stores.client(disk))


@pytest.mark.stress
def test_a_store_that_refuses_everything_is_not_taken_for_wrong_records(
    tmp_path: Path, spool: Path, sqlite_server: MlflowServer
) -> None:
    """A thousand points that are refused one by one would all be given up."""
    with ForwardProxy(sqlite_server.uri) as door:
        told = Said(door.uri)
        door.refuse = lambda method, path: 400 if path.endswith("log-batch") else None
        told.say()
        told.end()
        assert "400" in eventually(lambda: item(spool).trouble, 60).why
        door.refuse = lambda method, path: None
        delivered(spool, 120)
        assert told.is_true(MlflowClient(sqlite_server.uri))


@pytest.mark.stress
def test_a_temporary_folder_that_is_full(tmp_path: Path, new_store: Store, full_folder: Path) -> None:
    with Script(new_store(tmp_path / "run"), QUICK, TMPDIR=str(full_folder)) as script:
        assert script.ended() == 0, script.errors
        eventually(lambda: script.run.info.status == "FINISHED", 60, lambda: script.errors)
        assert stored_steps(script) == list(range(1, 41))


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small one of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mount("-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder))
    except (OSError, subprocess.CalledProcessError):
        if os.environ.get("CI") and os.getuid() == 0:
            pytest.fail("no tmpfs can be mounted")
        pytest.skip("only root can mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def full_folder(disk: Path) -> Path:
    """A disk without room."""
    with contextlib.suppress(OSError), (disk / "rubbish").open("wb", buffering=0) as stream:
        while True:
            stream.write(b"x" * 4096)
    return disk


QUICK = """
import keras, mlflow, numpy as np, tfmlflow, sys, time
keras.utils.set_random_seed(1)
x = np.random.default_rng(0).normal(size=(320, 4)).astype("float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")

class Slow(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 0)
        if batch == 5: print("STEP 6", time.time(), flush=True)

def fit():
    callback = tfmlflow.TrackingCallback("loss", log_every=1, log_model=False, system_metrics=False, drain_timeout=2)
    model.fit(x, x.sum(1), batch_size=16, epochs=2, verbose=0, callbacks=[callback, Slow()])

if len(sys.argv) > 2:
    with mlflow.start_run(): fit()
else: fit()
"""


def test_a_run_that_its_owner_ends_before_the_data_says_that_it_is_incomplete(tmp_path: Path, new_store: Store) -> None:
    """Once it was FINISHED with nothing in it, and nothing told so."""
    with Script(new_store(tmp_path / "run"), QUICK, "0.2", "with") as script:
        script.until("STEP 6")
        pid = eventually(lambda: shipper_at_work(script.spool), 30)
        stores.stop(pid, script.store / "mlflow.db")
        assert script.ended() == 0, script.errors
        assert "is stopped" in script.errors  # by what the run is held up
        recorded = script.run
        assert recorded.info.status == "FINISHED"  # by `with mlflow.start_run()`, which asks nobody
        assert recorded.data.tags["tfmlflow.incomplete"] == "is being delivered"
        os.kill(pid, signal.SIGCONT)
        eventually(lambda: "tfmlflow.incomplete" not in script.run.data.tags, 60)
        assert script.run.info.status == "FINISHED"
        assert stored_steps(script) == list(range(1, 41))


@pytest.mark.parametrize("what", ["shipper", pytest.param("spool", marks=STRESS)])
def test_a_run_of_our_own_is_not_finished_before_its_data(tmp_path: Path, new_store: Store, what: str) -> None:
    with Script(new_store(tmp_path / "run"), QUICK, "0.3") as script:
        script.until("STEP 6")
        pid = eventually(lambda: shipper_at_work(script.spool), 30)
        assert script.process.poll() is None
        if what == "shipper":
            os.kill(pid, signal.SIGSTOP)
            assert script.ended() == 0, script.errors
            assert script.run.info.status == "RUNNING"
            os.kill(pid, signal.SIGCONT)
        else:  # deleted by somebody: its journal is written again
            script.spool.rename(tmp_path / "away")
            shutil.rmtree(tmp_path / "away", ignore_errors=True)
            assert script.ended() == 0, script.errors
            assert "was deleted; it is written again" in script.errors
        eventually(lambda: script.run.info.status == "FINISHED", 60, lambda: script.errors)
        assert stored_steps(script) == list(range(1, 41))
        if what == "spool":
            eventually(lambda: not psutil.pid_exists(pid) or pid not in shippers(script.spool), 30)


@pytest.mark.parametrize("after", [pytest.param(0.2, marks=STRESS), 2.0, pytest.param(4.0, marks=STRESS)])
def test_a_scheduler_cancels_training_and_shipper_at_once(tmp_path: Path, new_store: Store, after: float) -> None:
    """Once: KILLED without a reason, 0 of 91 points, and no successor."""
    with Script(new_store(tmp_path / "run"), QUICK, "0.1") as script:
        eventually(lambda: shippers(script.spool), 60, pause=0.01)
        time.sleep(after)
        for pid in [*shippers(script.spool), script.process.pid]:
            os.kill(pid, signal.SIGTERM)
        assert script.ended() == 143, script.errors
        recorded = eventually(lambda: script.run if script.run.info.status == "KILLED" else None, 30)
        assert recorded.data.tags["tfmlflow.end_reason"] == "signal"
        steps = stored_steps(script)
        assert steps == list(range(1, len(steps) + 1))
        if "STEP 6" in script.said:
            assert len(steps) >= 6


@pytest.mark.stress
def test_a_clock_that_is_set_forward_a_year(tmp_path: Path, new_store: Store) -> None:
    """What waits is not given up, and nobody is taken for dead."""
    ahead = (
        "import time\n_real = time.time\ntime.time = lambda: _real() + (366 * 86400 if open_ else 0)\nopen_ = False\n"
    )
    script_text = ahead + QUICK.replace('print("STEP 6"', 'globals().update(open_=True); print("STEP 6"')
    with Script(new_store(tmp_path / "run"), script_text, "0.05") as script:
        assert script.ended() == 0, script.errors
        eventually(lambda: script.run.info.status == "FINISHED", 60)
        assert stored_steps(script) == list(range(1, 41))


def test_no_process_can_be_started(tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """Once the thread that writes the journal ended with it."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    started: list[Callable[[], None]] = []
    with monkeypatch.context() as patch:
        patch.setattr("subprocess.Popen", refuse)
        patch.setattr(launch, "start", launch.in_a_process)
        told = Said(stores.ready(tmp_path), known=False)
        for _ in range(3):
            told.say(100)
            time.sleep(0.7)
        told.session._outbox._journal.on_beat = lambda: started.append(refuse) or refuse()
        told.say(100)
        time.sleep(6)
        told.say(100)
        told.end()
    assert "no shipper can be started" in caplog.text
    assert started
    assert sync(tmp_path).returncode == 0
    assert told.is_true(stores.client(tmp_path))


def test_mlflow_still_has_the_stack_that_a_run_is_taken_off(tmp_path: Path) -> None:
    """`fluent.deactivate` takes a run off it without a word to the store, in a way that MLflow does not name."""
    from tfmlflow.tracking.recording.own import fluent

    client, before = stores.client(tmp_path), mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    try:
        run_id = client.create_run("0").info.run_id
        fluent.activate(run_id)
        assert fluent.is_active(run_id)
        fluent.deactivate(run_id, "FINISHED")
        assert mlflow.active_run() is None
        assert client.get_run(run_id).info.status == "RUNNING"
        assert mlflow.last_active_run().info.run_id == run_id
    finally:
        mlflow.set_tracking_uri(before)
