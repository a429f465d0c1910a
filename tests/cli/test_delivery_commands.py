"""`tfmlflow sync`, `runs` and `doctor`, typed as a user types them, against a real server that comes and goes."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests import stores
from tests.conftest import run
from tests.servers.fault_proxy import FaultProxy
from tests.servers.forward_proxy import ForwardProxy
from tests.servers.mlflow_server import MlflowServer
from tests.tracking.journal.samples import points
from tfmlflow.tracking.journal.liveness import Process
from tfmlflow.tracking.journal.records import Begin
from tfmlflow.tracking.journal.spool import Spool
from tfmlflow.tracking.journal.writer import Journal
from tfmlflow.tracking.operations import health, pending
from tfmlflow.tracking.run.opening import Opened
from tfmlflow.tracking.run.outbox import Outbox
from tfmlflow.tracking.run.session import Session
from tfmlflow.tracking.shipper import launch

pytestmark = pytest.mark.xdist_group("servers")


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A spool of its own, without shippers afterwards."""
    folder = tmp_path / "spool"
    monkeypatch.setenv("TFMLFLOW_SPOOL", str(folder))
    monkeypatch.setenv("TFMLFLOW_SHIPPER_IDLE", "2")
    yield folder
    stores.stop_shippers(folder)


def command(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`tfmlflow <arguments>`."""
    return run("-m", "tfmlflow", *arguments, cwd=cwd, timeout=90, **environment)


def offline_run(uri: str, end: bool = True) -> Outbox:
    """What a training leaves that began while its store was away."""
    outbox = Outbox("0" * 32, uri)
    session = Session(outbox, uri, Opened(away="away"), "sync", "offline run", {}, drain_timeout=0.0)
    session.series("batch/loss", range(1, 2001), [time.time()] * 2000, [1 / step for step in range(1, 2001)])
    session.params({"optimizer.name": "adam"})
    session.text("note.txt", "something to keep", "notes")
    if end:
        session.end("FINISHED", "completed")
    return outbox


def test_nothing_to_deliver_is_said(tmp_path: Path, spool: Path) -> None:
    done = command("sync", cwd=tmp_path)
    assert done.returncode == 0
    assert "nothing is left" in done.stdout


def test_a_run_that_began_offline_is_delivered_once_the_server_is_back(
    tmp_path: Path, spool: Path, sqlite_server: MlflowServer
) -> None:
    with FaultProxy(sqlite_server.uri) as proxy:
        proxy.mode = "refuse"
        offline_run(proxy.uri)
        waiting = command("sync", "--timeout", "15", cwd=tmp_path)
        assert waiting.returncode == 1
        assert "connection refused" in waiting.stdout
        assert "0 of 1 runs delivered" in waiting.stdout
        proxy.mode = "pass"
        done = command("sync", cwd=tmp_path)
        assert done.returncode == 0, done.stdout
        assert "1 of 1 runs delivered" in done.stdout
        client = MlflowClient(sqlite_server.uri)
        (found,) = client.search_runs([client.get_experiment_by_name("sync").experiment_id])
        assert (found.info.status, found.info.run_name) == ("FINISHED", "offline run")
        assert len(client.get_metric_history(found.info.run_id, "batch/loss")) == 2000
        assert {entry.path for entry in client.list_artifacts(found.info.run_id)} >= {"notes", "history.parquet"}


def test_a_shipper_that_is_still_loading_is_waited_for(
    tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take longer to load, and to make its database, than `sync` waits for a store that is away."""
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "sitecustomize.py").write_text(
        "import sys, time\nif 'tfmlflow.tracking.shipper' in sys.orig_argv: time.sleep(9)\n"
    )
    monkeypatch.setattr(launch, "start", lambda *_: subprocess.Popen(["true"]))  # the training's own dies at once
    offline_run(f"sqlite:///{tmp_path / 'mlflow.db'}")
    done = command("sync", "--timeout", "6", cwd=tmp_path, PYTHONPATH=str(slow))
    assert done.returncode == 0, done.stdout
    assert stores.only_run(tmp_path).info.status == "FINISHED"


def test_a_login_that_nobody_has_told_is_asked_for(tmp_path: Path, spool: Path, sqlite_server: MlflowServer) -> None:
    address = sqlite_server.uri.replace("http://", "http://me:hunter2@")
    offline_run(address)
    done = command("sync", cwd=tmp_path)
    if "needs a login" not in done.stdout:  # the training's own shipper was faster
        assert done.returncode == 0
    told = command("sync", cwd=tmp_path, MLFLOW_TRACKING_URI=address)
    assert told.returncode == 0, told.stdout
    assert "hunter2" not in done.stdout + told.stdout
    for file in spool.rglob("*"):
        assert not file.is_file() or b"hunter2" not in file.read_bytes(), file


def test_watching_goes_on_until_the_training_is_over(tmp_path: Path, spool: Path, sqlite_server: MlflowServer) -> None:
    outbox = Outbox("1" * 32, sqlite_server.uri)
    session = Session(outbox, sqlite_server.uri, Opened(away="away"), "sync", "live", {}, drain_timeout=30.0)
    session.metric("loss", 1.0, 1)
    outbox.start()
    environment = {**os.environ, "TFMLFLOW_SPOOL": str(spool)}
    watching = subprocess.Popen(
        [*(sys.executable, "-m", "tfmlflow", "sync", "--watch")], cwd=tmp_path, env=environment, text=True
    )
    time.sleep(4)
    assert watching.poll() is None
    session.end("FINISHED", "completed")
    assert watching.wait(timeout=30) == 0


def test_the_doctor_has_a_tick_for_each_when_all_is_well(
    tmp_path: Path, spool: Path, sqlite_server: MlflowServer
) -> None:
    began = time.monotonic()
    done = command("doctor", "--uri", sqlite_server.uri, cwd=tmp_path)
    assert time.monotonic() - began < 15  # under 10 on a machine that does nothing else
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("✓") == 8
    for what in ("reachable", "artifact", "clocks", "versions", "server", "spool", "disk", "GPU"):
        assert what in done.stdout


@pytest.mark.parametrize("mode", ["refuse", "hang", "error500"])
def test_the_doctor_names_a_sick_server_in_time(
    tmp_path: Path, spool: Path, sqlite_server: MlflowServer, mode: str
) -> None:
    with FaultProxy(sqlite_server.uri) as proxy:
        proxy.mode = mode
        began = time.monotonic()
        done = command("doctor", "--uri", proxy.uri, cwd=tmp_path)
        assert time.monotonic() - began < 15
        proxy.mode = "pass"
    assert done.returncode == 1
    assert "✗ store reachable" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_the_doctor_makes_no_database(tmp_path: Path, spool: Path) -> None:
    done = command("doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert not (tmp_path / "mlflow.db").exists()


def test_the_doctor_shows_what_is_stuck(tmp_path: Path, spool: Path) -> None:
    offline_run("http://127.0.0.1:9")
    done = command("doctor", cwd=tmp_path)
    assert done.returncode == 1
    assert "tfmlflow sync" in done.stdout


def test_orphaned_runs_are_shown_and_reaped(tmp_path: Path, spool: Path) -> None:
    client = stores.client(tmp_path)
    alive, dead, foreign = (client.create_run("0", run_name=name).info.run_id for name in ("alive", "dead", "foreign"))
    now, old = time.gmtime(), time.gmtime(time.time() - 3600)
    client.set_tag(alive, "tfmlflow.heartbeat", time.strftime("%Y-%m-%dT%H:%M:%S+00:00", now))
    client.set_tag(dead, "tfmlflow.heartbeat", time.strftime("%Y-%m-%dT%H:%M:%S+00:00", old))
    shown = command("runs", cwd=tmp_path, COLUMNS="160")
    assert shown.returncode == 0, shown.stderr
    assert "1 orphaned" in shown.stdout
    assert "1 h ago" in shown.stdout
    assert client.get_run(dead).info.status == "RUNNING"
    reaped = command("runs", "--reap", "--wait", "1", cwd=tmp_path)
    assert reaped.returncode == 0, reaped.stderr
    states = [client.get_run(run_id).info.status for run_id in (alive, dead, foreign)]
    assert states == ["RUNNING", "FAILED", "RUNNING"]
    assert client.get_run(dead).data.tags["tfmlflow.end_reason"] == "killed"


@pytest.mark.parametrize("hours", [-1, pytest.param(24 * 365, marks=pytest.mark.stress)])
def test_a_clock_that_is_wrong_ends_no_run_that_lives_and_keeps_no_dead_one(
    tmp_path: Path, spool: Path, hours: int
) -> None:
    client = stores.client(tmp_path)
    alive, dead = (client.create_run("0", run_name=name).info.run_id for name in ("alive", "dead"))

    def beat(*runs: str) -> None:
        there = time.gmtime(time.time() + 3600 * hours)
        for run_id in runs:
            client.set_tag(run_id, "tfmlflow.heartbeat", time.strftime("%Y-%m-%dT%H:%M:%S+00:00", there))

    beat(alive, dead)
    reaping = subprocess.Popen(
        [
            *(sys.executable, "-m", "tfmlflow", "runs", "--reap", "--wait", "8"),
            "--uri",
            f"sqlite:///{tmp_path}/mlflow.db",
        ],
        cwd=tmp_path,
        env={**os.environ, "TFMLFLOW_SPOOL": str(spool)},
        stdout=subprocess.PIPE,
        text=True,
    )
    while reaping.poll() is None:
        time.sleep(1)
        beat(alive)
    said = reaping.communicate()[0]
    assert [client.get_run(run_id).info.status for run_id in (alive, dead)] == ["RUNNING", "FAILED"], said
    ended = client.get_run(dead).info
    assert ended.end_time <= (time.time() + 1) * 1000
    assert "kept  alive" in said


@pytest.fixture
def elsewhere(tmp_path: Path, spool: Path) -> tuple[MlflowClient, Begin]:
    """How a training of another machine, which shares this spool, has begun: in a run that is there."""
    client, uri = MlflowClient(stores.ready(tmp_path)), f"sqlite:///{tmp_path / 'mlflow.db'}"
    run_id = client.create_run("0", run_name="elsewhere").info.run_id
    there = dataclasses.replace(Process.current(), pid=1, machine="elsewhere boot pid:[1]")
    begin = Begin(uri, "Default", "0", run_id, "elsewhere", {}, there, sampled=False)
    journal = Journal(Spool(spool).ready().open(run_id, uri).journal)
    journal.put(begin)
    journal.put(points("a", [1.0, 2.0]))
    assert journal.close()
    client.set_tag(run_id, "tfmlflow.heartbeat", time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()))
    return client, begin


def test_a_training_of_another_machine_that_shares_the_spool_is_neither_ended_nor_dropped(
    tmp_path: Path, spool: Path, elsewhere: tuple[MlflowClient, Begin]
) -> None:
    """Once its process, which is not to be found here, was taken for dead."""
    client, begin = elsewhere
    run_id = str(begin.run_id)
    (item,) = pending.items(Spool(spool))
    assert (item.running, item.goes_on) == (None, True)
    reaped = command("runs", "--reap", "--wait", "1", cwd=tmp_path)
    assert reaped.returncode == 0, reaped.stderr
    assert "1 open in" in reaped.stdout
    assert "0 orphaned" in reaped.stdout
    assert client.get_run(run_id).info.status == "RUNNING"
    refused = command("sync", "--drop", run_id[:12], cwd=tmp_path)
    assert refused.returncode == 2
    assert "another machine" in refused.stderr
    assert "5 minutes" in refused.stderr
    assert item.folder.journal.is_file()
    long_ago = time.time() - 3600
    os.utime(item.folder.journal, (long_ago, long_ago))
    assert command("sync", "--drop", run_id[:12], cwd=tmp_path).returncode == 0
    assert list(pending.items(Spool(spool))) == []


def test_of_a_training_of_another_machine_what_it_has_said_is_delivered(
    tmp_path: Path, elsewhere: tuple[MlflowClient, Begin]
) -> None:
    client, begin = elsewhere
    done = command("sync", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "1 of 1 runs delivered" in done.stdout
    assert len(client.get_metric_history(str(begin.run_id), "a")) == 2
    assert client.get_run(str(begin.run_id)).info.status == "RUNNING"


FULL = """
import sys
from tfmlflow.cli import main
from tfmlflow.tracking.journal.spool import Spool

def full(self):
    raise OSError(28, "No space left on device")

Spool.ready = full if sys.argv.pop(1) == "full" else Spool.ready
main()
"""


@pytest.mark.parametrize("chosen", ["full", "a file"])
def test_what_trainings_have_left_in_either_spool_is_found(
    tmp_path: Path, spool: Path, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once `sync` looked into the one of the two that can be written, and said that nothing is left."""
    temporary, uri = tmp_path / "temporary", stores.ready(tmp_path)
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(launch, "start", lambda *_: subprocess.Popen(["true"]))
    if chosen == "a file":
        spool.write_text("")
    offline_run(uri)
    there = Spool.temporary().root if chosen == "a file" else spool
    assert len(list(pending.items(Spool(there)))) == 1

    def sync() -> subprocess.CompletedProcess[str]:
        return run("-c", FULL, chosen, "sync", cwd=tmp_path, timeout=90, fresh=True, TMPDIR=str(temporary))

    try:
        done = sync()
        assert done.returncode == 0, done.stdout + done.stderr
        assert "1 of 1 runs delivered" in done.stdout
        assert stores.only_run(tmp_path).info.status == "FINISHED"
        assert f"nothing is left to deliver in {there}\n" in sync().stdout
    finally:
        stores.stop_shippers(there)


def test_a_spool_that_cannot_be_read_is_said(tmp_path: Path, spool: Path) -> None:
    spool.write_text("")
    for name in ("sync", "runs"):
        done = run("-m", "tfmlflow", name, cwd=tmp_path, timeout=90, fresh=True, TMPDIR=str(tmp_path))
        assert done.returncode == 2
        assert f"the spool {spool} cannot be read" in done.stderr
        assert "TFMLFLOW_SPOOL" in done.stderr


def test_the_doctor_asks_a_server_as_mlflow_does(sqlite_server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it took the words of a refusal for the server's version."""
    with ForwardProxy(sqlite_server.uri) as door:
        door.login = "me:secret"
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
        version = health._server_version(door.uri)
        assert version.fine
        assert version.said.startswith("server 3.")
        assert health._clocks(door.uri).said.startswith("the server's is ")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
        assert health._server_version(door.uri).said.startswith("the server does not tell")
        assert health._clocks(door.uri).said == "the server does not tell its time"


def test_what_a_dead_trainer_of_this_machine_left_is_reaped_too(tmp_path: Path, spool: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    script = (
        "import os, signal\n"
        "from tests.cli.test_delivery_commands import offline_run\n"
        f"os.environ['TFMLFLOW_SPOOL'] = {str(spool)!r}\n"
        f"outbox = offline_run({uri!r}, end=False)\n"
        "outbox._journal.flush()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    died = run("-c", script, cwd=tmp_path, PYTHONPATH=root)
    assert died.returncode == -9, died.stderr
    reaped = command("runs", "--reap", cwd=tmp_path)
    assert reaped.returncode == 0, reaped.stderr
    deadline = time.monotonic() + 30
    while not all(folder.delivered for folder in Spool(spool).runs()) and time.monotonic() < deadline:
        time.sleep(0.2)
    recorded = stores.only_run(tmp_path)
    assert (recorded.info.status, recorded.data.tags["tfmlflow.end_reason"]) == ("FAILED", "killed")
    assert recorded.data.metrics["batch/loss"] == 1 / 2000


def test_a_process_that_is_gone_is_not_taken_for_another_of_its_number() -> None:
    me = Process.current()
    assert me.alive
    assert not Process(me.pid, me.started - 100, me.machine).alive
