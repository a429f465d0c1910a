"""The shipper as a process: light, humble, alone, and gone when there is nothing to do."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests import forked, stores
from tests.conftest import ROOT
from tests.tracking.shipper.spooled import SpooledStore, dead_process, finished, points
from tfmlflow import whole_file
from tfmlflow.tracking.operations import pending
from tfmlflow.tracking.shipper import launch
from tfmlflow.tracking.shipper.launch import ShipperState


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> SpooledStore:
    return SpooledStore(tmp_path_factory.mktemp("store"))


@pytest.fixture
def store(shared: SpooledStore) -> SpooledStore:
    return shared.fresh_spool()


@contextlib.contextmanager
def shipper(
    store: SpooledStore, idle: float = 1.0, fresh: bool = False
) -> Iterator[forked.Forked | subprocess.Popen[bytes]]:
    environment = {**os.environ, launch.STORE: store.uri, "TFMLFLOW_SHIPPER_IDLE": str(idle)}
    words = ("-m", "tfmlflow.tracking.shipper", str(store.spool.root))
    with Path(os.devnull).open("wb") as nothing:
        process = forked.started(words, ROOT, environment, nothing, nothing, fresh)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait(done: Callable[[], object], seconds: float = 30) -> float:
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < seconds
        time.sleep(0.02)
    return time.monotonic() - began


def test_it_delivers_politely_without_tensorflow_and_leaves(store: SpooledStore) -> None:
    run_id, folder = store.run(points("a", np.arange(100.0)), sampled=True)  # its trainer is this process
    nice = os.nice(0)
    with shipper(store, fresh=True) as process:
        wait(lambda: len(store.history(run_id, "a")) == 100)
        wait(lambda: "system/process_threads" in store.client.get_run(run_id).data.metrics)
        assert launch.state(store.spool, store.uri) == ShipperState(process.pid)
        assert psutil.Process(process.pid).nice() == min(19, nice + 10) > 0
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        assert "tensorflow" not in maps
        assert "_pywrap" not in maps

        with shipper(store) as second:  # it looks for two seconds, in case somebody only tried the lock
            assert second.wait(timeout=15) == 0
        assert process.poll() is None
        assert launch.state(store.spool, store.uri).pid == process.pid

        store.put(run_id, finished())
        wait(lambda: folder.delivered)
        assert process.wait(timeout=10) == 0
    assert launch.state(store.spool, store.uri) == ShipperState()
    assert store.client.get_run(run_id).info.status == "FINISHED"
    assert {key for key in store.client.get_run(run_id).data.metrics if key.startswith("system/")} >= {
        "system/cpu_utilization_percentage",
        "system/process_cpu_percentage",
        "system/process_memory_megabytes",
    }


def test_no_part_of_it_imports_tensorflow_keras_or_hydra(tmp_path: Path) -> None:
    program = (
        "import sys, mlflow, tfmlflow.tracking.shipper.__main__, tfmlflow.tracking.shipper.process\n"
        f"sys.modules['mlflow'].MlflowClient('sqlite:///{tmp_path}/mlflow.db')\n"
        "print([name for name in ('tensorflow', 'keras', 'hydra', 'torch', 'sklearn') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_leaves_when_there_is_nothing_to_do_and_not_before(store: SpooledStore) -> None:
    with shipper(store, idle=1.0) as process:
        wait(lambda: launch.state(store.spool, store.uri).pid == process.pid)
        began = time.monotonic()
        assert process.wait(timeout=10) == 0
        assert 0.5 < time.monotonic() - began < 4


def test_two_that_start_at_once_deliver_once(store: SpooledStore) -> None:
    folder = store.put("d" * 32, store.begin(None), points("a", np.arange(2000.0)), finished())
    with shipper(store) as one, shipper(store) as other:
        wait(lambda: folder.delivered)
        assert one.wait(timeout=20) == other.wait(timeout=20) == 0
    (run,) = store.client.search_runs([store.experiment], f"tags.`tfmlflow.local_id` = '{'d' * 32}'")
    assert len(store.history(run.info.run_id, "a")) == 2000


def test_one_that_is_killed_is_gone_on_from_by_the_next(store: SpooledStore) -> None:
    run_id, folder = store.run(points("a", np.arange(30_000.0)), finished())
    with shipper(store) as process:
        wait(lambda: whole_file.read(folder.cursor).get("journal", 0) > 100_000)
        process.kill()
    done = whole_file.read(folder.cursor)["journal"]
    assert done < folder.journal.stat().st_size
    with shipper(store) as process:
        wait(lambda: folder.delivered, 60)
        assert process.wait(timeout=10) == 0
    steps = [step for step, *_ in store.history(run_id, "a")]
    assert len(steps) == 30_000
    assert len(set(steps)) == 30_000


def test_a_trainer_that_is_killed_is_noticed_within_fifteen_seconds(store: SpooledStore) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as trainer:
        process = dead_process()
        fields = Path(f"/proc/{trainer.pid}/stat").read_text().rpartition(")")[2].split()
        living = type(process)(trainer.pid, float(fields[19]), process.machine)
        run_id, folder = store.run(points("a", [1.0]), process=living)
        with shipper(store):
            wait(lambda: store.history(run_id, "a"))
            time.sleep(1.5)
            assert store.client.get_run(run_id).info.status == "RUNNING"
            trainer.kill()
            wait(lambda: store.client.get_run(run_id).info.status == "FAILED", 15)
            wait(lambda: folder.delivered, 15)
    assert store.client.get_run(run_id).data.tags["tfmlflow.end_reason"] == "killed"


def test_asked_to_leave_it_waits_for_the_end_of_what_is_ending_too(store: SpooledStore) -> None:
    """A scheduler's cancel reaches trainer and shipper at once, and the trainer has something to say yet."""
    run_id, folder = store.run(points("a", [1.0]))
    with shipper(store, idle=60) as process:
        wait(lambda: whole_file.read(folder.cursor).get("run_id"))
        process.terminate()
        time.sleep(2)
        store.put(folder.key, points("a", np.arange(91.0), 2), finished("KILLED"))
        assert process.wait(timeout=10) == 0
    assert folder.delivered
    assert len(store.history(run_id, "a")) == 92
    assert store.client.get_run(run_id).info.status == "KILLED"


def catches(pid: int, signum: int) -> bool:
    """Whether a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(mask, 16) & (1 << (signum - 1)))


def test_asked_while_it_is_still_loading_it_delivers_all_the_same(store: SpooledStore) -> None:
    run_id, folder = store.run(points("a", np.arange(91.0)), finished())
    with shipper(store, idle=60, fresh=True) as process:
        wait(lambda: catches(process.pid, signal.SIGTERM))  # Python is up, MLflow is not
        process.terminate()
        assert process.wait(timeout=20) == 0
    assert folder.delivered
    assert len(store.history(run_id, "a")) == 91


def test_asked_twice_it_leaves_at_once(store: SpooledStore) -> None:
    _, folder = store.run(points("a", [1.0]))
    with shipper(store, idle=60) as process:
        wait(lambda: whole_file.read(folder.cursor).get("run_id"))
        process.terminate()
        time.sleep(0.5)
        process.terminate()
        assert process.wait(timeout=7) == 0
    store.put(folder.key, finished())
    with shipper(store) as process:
        wait(lambda: folder.delivered)


def test_a_signal_to_a_training_does_not_end_it(store: SpooledStore) -> None:
    _, folder = store.run(points("a", [1.0]))
    with shipper(store, idle=60) as process:
        wait(lambda: whole_file.read(folder.cursor).get("run_id"))
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1):
            process.send_signal(number)
        time.sleep(1)
        assert process.poll() is None


def test_one_that_is_stopped_is_named(store: SpooledStore) -> None:
    store.run(points("a", [1.0]))
    with shipper(store, idle=60) as process:
        wait(lambda: launch.state(store.spool, store.uri).pid)
        stores.stop(process.pid, Path(store.uri.removeprefix("sqlite:///")))
        store.run(points("b", [1.0]))
        item = next(item for item in pending.items(store.spool) if not item.up_to_date)
        assert item.state == f"its shipper, process {process.pid}, is stopped: kill -CONT {process.pid}"
        process.send_signal(signal.SIGCONT)
        wait(lambda: all(item.up_to_date for item in pending.items(store.spool)))


def test_a_spool_that_is_deleted_sends_it_home(store: SpooledStore) -> None:
    _, folder = store.run(points("a", [1.0]))
    with shipper(store, idle=60) as process:
        wait(lambda: whole_file.read(folder.cursor).get("run_id"))
        shutil.rmtree(store.spool.root)
        assert process.wait(timeout=15) == 0
    assert not store.spool.root.exists()


def test_a_database_that_is_locked_keeps_it_until_it_is_free(store: SpooledStore) -> None:
    """Once both shippers were gone after nine seconds, with work undone."""
    run_id, folder = store.run(points("a", np.arange(273.0)), finished())
    with sqlite3.connect(store.folder / "mlflow.db") as locked, shipper(store, idle=1) as process:
        locked.execute("BEGIN EXCLUSIVE")
        time.sleep(15)
        assert process.poll() is None
        locked.rollback()
        wait(lambda: folder.delivered, 90)
    assert len(store.history(run_id, "a")) == 273


def test_starting_one_is_done_once_for_all_that_ask(store: SpooledStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFMLFLOW_SHIPPER_IDLE", "2")
    _, folder = store.run(points("a", [1.0]), finished())
    assert [launch.ensure(store.spool, store.uri) for _ in range(3)] == [True, False, False]
    wait(lambda: folder.delivered)
    pid = launch.state(store.spool, store.uri).pid
    assert launch.wait(folder, folder.journal.stat().st_size, 1, lambda: None)
    line = " ".join(psutil.Process(pid).cmdline())
    assert "mlflow.db" not in line  # the address, and so a login, is not for everybody to see
    wait(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_waiting_for_it_is_bounded(store: SpooledStore) -> None:
    _, folder = store.run(points("a", [1.0]))
    began = time.monotonic()
    assert not launch.wait(folder, folder.journal.stat().st_size, 0.5, lambda: None)
    assert 0.4 < time.monotonic() - began < 1.0
