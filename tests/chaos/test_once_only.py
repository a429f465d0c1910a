"""Whatever is sent again, because its answer was lost or its sender died, stands in the store once."""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from mlflow import MlflowClient
from mlflow.models import Model as MlflowModel

from tests.chaos import truth
from tests.conftest import ROOT, clean_environment
from tests.servers import exchange
from tests.servers.fault_proxy import FaultProxy
from tests.servers.mlflow_server import MlflowServer
from tests.stores import stop_shippers
from tfmlflow.tracking.journal.liveness import Process
from tfmlflow.tracking.journal.records import (
    Artifact,
    Begin,
    Dataset,
    End,
    Model,
    Params,
    Points,
    Registration,
    Tags,
    Withdrawn,
)
from tfmlflow.tracking.journal.run_folder import RunFolder
from tfmlflow.tracking.journal.spool import Spool
from tfmlflow.tracking.run.outbox import Outbox
from tfmlflow.tracking.shipper import __main__ as shipper_main
from tfmlflow.tracking.shipper import launch, uploads
from tfmlflow.tracking.shipper.process import Shipper
from tfmlflow.tracking.store import retry

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("servers")]

STEPS, SERIES = 1000, 5
CREATIONS = ("runs/create", "experiments/create", "logged-models", "registered-models/create", "model-versions/create")


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Of this test alone; its shippers end with it."""
    root = tmp_path / "spool"
    monkeypatch.setenv("TFMLFLOW_SPOOL", str(root))
    monkeypatch.setenv("TFMLFLOW_SHIPPER_IDLE", "1")
    monkeypatch.chdir(tmp_path)  # where a store without a server puts its artifacts
    yield root
    stop_shippers(root)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shipper may work in this process, and tries again at once."""
    for name, value in shipper_main.SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(launch, "ensure", lambda spool, uri: False)
    monkeypatch.setattr(retry, "LONGEST", 0.05)
    monkeypatch.setattr(retry, "SHORTEST", 0.05)
    monkeypatch.setattr(uploads, "PAUSE", 0.02)


@pytest.mark.stress
@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("store", "seed", "cut"),
    [("sqlite_server", 2, "head"), ("postgres_server", 3, "body")],
)
def test_answers_are_lost(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    spool: Path,
    tmp_path: Path,
    store: str,
    seed: int,
    cut: str,
) -> None:
    """Half an answer ends in its body, or in its head, which MLflow's client takes for an empty one."""
    if cut == "head":
        monkeypatch.setattr(exchange, "first_half", lambda head, content: bytes(head)[: len(bytes(head)) // 2])
    server: MlflowServer = request.getfixturevalue(store)
    told, faults = AToldRun(tmp_path), Faults(seed)
    with FaultProxy(server.uri, faults) as proxy:
        with shipping(spool, proxy.uri):
            told.tell(proxy.uri)
            truth.wait_delivered(spool)
        for creation in CREATIONS:
            assert {"half", "drop_answer"} & set(faults.of(creation)), f"no {creation} has lost its answer"
        proxy.schedule = None  # in this process MLflow's client remembers the way through the proxy
        told.assert_once(server.uri, spool)

        told.forget_delivery(spool, proxy.uri)
        proxy.schedule = faults
        with shipping(spool, proxy.uri):
            truth.wait_delivered(spool)
        proxy.schedule = None
        told.assert_once(server.uri, spool)


@pytest.mark.stress
def test_the_shipper_dies_again_and_again(spool: Path, tmp_path: Path) -> None:
    uri, told, chance = f"sqlite:///{tmp_path / 'mlflow.db'}", AToldRun(tmp_path), random.Random(4)
    told.tell(uri)
    (folder,) = truth.folders(spool)
    kills = 0
    while not folder.delivered:
        launch.ensure(Spool.here(), uri)
        wait_for_effects(folder, chance.randint(1, 6))
        kills += kill_shippers(spool) if not folder.delivered and kills < 6 else 0
    assert kills >= 2
    told.assert_once(uri, spool)

    told.forget_delivery(spool, uri)
    truth.wait_delivered(spool)
    told.assert_once(uri, spool)


@pytest.mark.usefixtures("hasty")
def test_a_model_is_found_again_without_a_cursor(spool: Path, tmp_path: Path) -> None:
    """A loss of power can take the cursor, just written, and leave the model's files, about to be deleted."""
    uri, told = f"sqlite:///{tmp_path / 'mlflow.db'}", AToldRun(tmp_path)
    with shipping(spool, uri):
        told.tell(uri)
        truth.wait_delivered(spool)
    told.forget_delivery(spool, uri, models=True)
    with shipping(spool, uri):
        truth.wait_delivered(spool)
    told.assert_once(uri, spool)


@pytest.mark.stress
def test_fifty_runs_at_once(sqlite_server: MlflowServer, spool: Path) -> None:
    experiment = f"fifty-{uuid.uuid4().hex[:8]}"
    environment = clean_environment() | {"PYTHONPATH": str(ROOT)}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, sqlite_server.uri, experiment, str(seed)], env=environment)
        for seed in range(5)
    ]
    assert [writer.wait(60) for writer in writers] == [0] * 5
    assert len(shippers(spool)) == 1
    truth.wait_delivered(spool, 120, count=50)
    client = MlflowClient(sqlite_server.uri)
    found = [truth.assert_true(client, folder).info.run_id for folder in truth.folders(spool)]
    assert sorted(found) == sorted(run.info.run_id for run in truth.runs(client, experiment))
    assert len(set(found)) == 50


@pytest.mark.stress
def test_twenty_trainings_with_500_params_and_1000_checkpoints_each(
    sqlite_server: MlflowServer, spool: Path, tmp_path: Path
) -> None:
    experiment = f"twenty-{uuid.uuid4().hex[:8]}"
    environment = clean_environment() | {"PYTHONPATH": str(ROOT)}
    began = time.monotonic()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", CHECKPOINTER, sqlite_server.uri, experiment, str(tmp_path / str(number))],
            env=environment,
        )
        for number in range(20)
    ]
    assert [writer.wait(300) for writer in writers] == [0] * 20
    assert time.monotonic() - began < 240, "the trainings were held up"
    truth.wait_delivered(spool, 600, count=20)
    client = MlflowClient(sqlite_server.uri)
    found = truth.runs(client, experiment)
    assert len(found) == 20
    for run in found:
        assert run.info.status == "FINISHED"
        assert "tfmlflow.incomplete" not in run.data.tags
        assert run.data.params == {f"group.setting_{i}": str(i) for i in range(500)}
        kept = {Path(entry.path).name for entry in client.list_artifacts(run.info.run_id, "checkpoints")}
        assert kept == {"step-00000998.npz", "step-00000999.npz"}


# A training that takes a checkpoint at each step, and keeps the last two, as `Checkpoints` does.
CHECKPOINTER = """
import sys, time, uuid
from pathlib import Path
from tfmlflow.tracking.journal.liveness import Process
from tfmlflow.tracking.run.outbox import Outbox
from tfmlflow.tracking.journal.records import Artifact, Begin, End, Params, Tags, Withdrawn

uri, experiment, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
folder.mkdir()
outbox = Outbox(uuid.uuid4().hex, uri)
outbox.put(Begin(uri, experiment, None, None, "run", {}, Process.current(), sampled=False))
outbox.put(Params({f"group.setting_{i}": str(i) for i in range(500)}))
outbox.start()
for step in range(1000):
    file = folder / f"step-{step:08d}.npz"
    file.write_bytes(bytes(2000))
    outbox.put(Artifact(str(file), "checkpoints", keep=True))
    outbox.put(Tags({"tfmlflow.checkpoints": str(step)}))
    if step >= 2:
        outbox.put(Withdrawn(f"step-{step - 2:08d}.npz", "checkpoints"))
        if outbox.flush():
            (folder / f"step-{step - 2:08d}.npz").unlink()
    time.sleep(0.02)
outbox.put(End("FINISHED", int(time.time() * 1000)))
outbox.close()
"""


# Ten runs, written in turns, some points at a time, while a shipper delivers them.
WRITER = """
import random, sys, time, uuid
import numpy as np
from tfmlflow.tracking.journal.liveness import Process
from tfmlflow.tracking.run.outbox import Outbox
from tfmlflow.tracking.journal.records import Begin, End, Params, Points, Tags

uri, experiment, chance = sys.argv[1], sys.argv[2], random.Random(int(sys.argv[3]))
now = int(time.time() * 1000)
outboxes = []
for number in range(10):
    outbox = Outbox(uuid.uuid4().hex, uri)
    outbox.put(Begin(uri, experiment, None, None, f"run {number}", {}, Process.current(), sampled=False))
    outbox.put(Params({"number": str(number)}))
    outbox.start()
    outboxes.append(outbox)
for start in range(0, 300, 50):
    for outbox in outboxes:
        steps = np.arange(start, start + 50)
        values = np.array([chance.random() for _ in steps])
        outbox.put(Points("batch/loss", steps, now + steps, values))
        outbox.put(Points("batch/learning_rate", steps, now + steps, 1 - values))
        outbox.put(Tags({"place": str(start)}))
    time.sleep(0.5)
for outbox in outboxes:
    outbox.put(End("FINISHED", int(time.time() * 1000)))
    outbox.close()
"""


class Faults:
    """A schedule for a proxy: each kind of request loses its first three answers, later ones some at random."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._met: defaultdict[str, list[str]] = defaultdict(list)

    def __call__(self, number: int, method: str, path: str) -> str:
        kind = re.sub(r"/artifacts/.*|/(m-)?[0-9a-f]{32}|/\d+(?=/|$)", "/*", path)
        met = self._met[f"{method} {kind}"]
        if len(met) < 3:
            left = [mode for mode in ("half", "drop_answer", "error500") if mode not in met]
            met.append(self._chance.choice(left))
        else:
            met.append(self._chance.choices(["pass", "half", "drop_answer", "error500"], [94, 2, 2, 2])[0])
        return met[-1]

    def of(self, end: str) -> list[str]:
        """What has happened to the requests that create something."""
        return [
            mode for kind, met in self._met.items() if kind.startswith("POST") and kind.endswith(end) for mode in met
        ]


class AToldRun:
    """A run with some of everything, said to a journal without a training behind it."""

    def __init__(self, folder: Path) -> None:
        self.experiment = self.registered = f"once-{uuid.uuid4().hex[:8]}"
        self._kept = folder / "kept"  # somebody's own files: a second delivery sends them again
        self._kept.mkdir()

    def tell(self, uri: str) -> None:
        """Begin, say it while it is being delivered, and end."""
        outbox, now = Outbox(uuid.uuid4().hex, uri), int(time.time() * 1000)
        outbox.put(
            Begin(uri, self.experiment, None, None, "told", {"said": "at first"}, Process.current(), sampled=False)
        )
        outbox.put(Params({f"group.{number}": str(number) for number in range(250)}))
        outbox.start()
        self._points(outbox, now, range(STEPS // 2))
        outbox.put(Dataset("digits", "0a1b2c3d", "somewhere", "{}", "{}", "train"))
        for name in ("first", "second", "third"):
            self._artifact(outbox, f"{name}.txt", "notes", name)
        self._artifact(outbox, "progress.txt", "", "half")
        outbox.put(Withdrawn("second.txt", "notes"))
        self._model(outbox, "early", now, 0.5)
        outbox.start()
        time.sleep(1)
        self._points(outbox, now, range(STEPS // 2, STEPS))
        self._artifact(outbox, "progress.txt", "", "whole")
        self._artifact(outbox, "deep.bin", "a/b/c", "x" * 300_000)
        self._model(outbox, "best", now, 0.25)
        outbox.put(Tags({"tfmlflow.end_reason": "completed"}))
        outbox.put(End("FINISHED", now + STEPS))
        outbox.close()

    def _points(self, outbox: Outbox, now: int, steps: range) -> None:
        chance = np.random.default_rng(steps.start)
        for start in range(steps.start, steps.stop, 50):
            part = np.arange(start, start + 50)
            for series in range(SERIES):
                values = chance.normal(size=50)
                values[:3] = [np.nan, np.inf, -np.inf]
                outbox.put(Points(f"batch/series_{series}", part, now + part, values, history=series > 0))
            outbox.put(Points("fine", part, now + part, chance.normal(size=50), stored=False))
            outbox.put(Points("epoch", part // 100, now + part, chance.normal(size=50)))  # many at one step
            outbox.put(Tags({"place": str(start)}))

    def _artifact(self, outbox: Outbox, name: str, folder: str, content: str) -> None:
        file = self._kept / folder.replace("/", "-") / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content)
        outbox.put(Artifact(str(file), folder, keep=True))

    def _model(self, outbox: Outbox, name: str, now: int, loss: float) -> None:
        folder = outbox.files / name
        folder.mkdir()
        (folder / "weights.bin").write_text(name)
        MlflowModel().add_flavor("python_function", loader_module="json").save(str(folder / "MLmodel"))
        shutil.copytree(folder, self._kept / name)
        outbox.put(
            Model(
                str(folder),
                name,
                3,
                {"val/loss": loss},
                now,
                {"width": "8"},
                ("digits", "0a1b2c3d"),
                Registration(self.registered, "val/loss", "min", loss, "0a1b2c3d"),
            )
        )

    def forget_delivery(self, spool: Path, uri: str, models: bool = False) -> None:
        """As if the shipper had lost what it knew: all is delivered once more, with the files that are left.

        Args:
            models: Whether theirs are left too.
        """
        kill_shippers(spool)
        (folder,) = truth.folders(spool)
        for name in ("early", "best") if models else ():
            shutil.copytree(self._kept / name, folder.files / name)
        folder.cursor.unlink()
        (folder.path / "delivered").unlink()
        launch.ensure(Spool.here(), uri)

    def assert_once(self, uri: str, spool: Path) -> None:
        """The store has it, each thing once."""
        client = MlflowClient(uri)
        run = truth.assert_true(client, truth.only_folder(spool))
        assert truth.assert_only_run(client, self.experiment).info.run_id == run.info.run_id
        assert len(truth.stored_points(client, run)) == (SERIES + 1) * STEPS + 2
        assert len(run.data.params) == 250
        versions = client.search_model_versions(f"name = '{self.registered}'")
        models = {model.artifact_location: model.name for model in truth.logged_models(client, run)}
        assert sorted(models[version.source] for version in versions) == ["best", "early"]
        champion = client.get_model_version_by_alias(self.registered, "champion")
        assert models[champion.source] == "best"
        for path, content in (
            ("progress.txt", "whole"),
            ("notes/third.txt", "third"),
            ("a/b/c/deep.bin", "x" * 300_000),
        ):
            assert Path(client.download_artifacts(run.info.run_id, path)).read_text() == content


@contextmanager
def shipping(spool: Path, uri: str) -> Iterator[None]:
    """A shipper in this process."""
    leave = threading.Event()
    shipper = Shipper(Spool(spool).ready(), uri, idle=60)
    thread = threading.Thread(target=shipper.run, args=(leave.is_set,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        leave.set()
        thread.join(10)


def shippers(spool: Path) -> list[psutil.Process]:
    """The shippers at work in a spool."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "tfmlflow.tracking.shipper" in words and str(spool) in words:
            found.append(process)
    return found


def kill_shippers(spool: Path) -> int:
    """At once; how many there were."""
    found = shippers(spool)
    for process in found:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(found, timeout=10)
    return len(found)


def wait_for_effects(folder: RunFolder, count: int, timeout: float = 20) -> None:
    """Until the shipper has noted so many effects, or is done."""
    noted, deadline = "", time.monotonic() + timeout
    while count and not folder.delivered and time.monotonic() < deadline:
        now = folder.cursor.read_text() if folder.cursor.exists() else ""
        count, noted = count - (now != noted), now
        time.sleep(0.002)
