"""Processes die, are told to leave, see the clock jump and hear odd names; the run in the store stays true."""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
import psutil
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from tests import stores
from tests.chaos import truth
from tests.conftest import ROOT, clean_environment
from tfmlflow.tracking.journal import format, reader
from tfmlflow.tracking.journal.spool import RunFolder, Spool
from tfmlflow.tracking.records import Points
from tfmlflow.tracking.shipper import launch

SHIPPER = "tfmlflow.tracking.shipper"
NOISE = re.compile(r"WARNING: All log messages before absl|[IWE]\d{4} 00:00:")

# Arguments: epochs, steps of an epoch, seconds that a step takes at least. STEP n is said once step n is done.
TRAINING = """
import sys, time
import keras, numpy as np, tfmlflow
from tfmlflow import TrackingCallback

class Pace(keras.callbacks.Callback):
    step = 0
    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        print("STEP", self.step, time.time(), flush=True)
        time.sleep(60 if f"hang={self.step}" in sys.argv else float(sys.argv[3]))
    def on_train_end(self, logs=None):
        print("ENDS", flush=True)

keras.utils.set_random_seed(1)
epochs, steps = int(sys.argv[1]), int(sys.argv[2])
x = np.random.default_rng(0).normal(size=(8 * steps, 4)).astype("float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(1e-4), "mse")
callback = TrackingCallback(log_every=1, log_model=False, system_metrics=False)
model.fit(x, x.sum(1), batch_size=8, epochs=epochs, validation_data=(x[:64], x[:64].sum(1)), verbose=0,
          callbacks=[Pace(), callback])
print("FITTED", flush=True)
"""

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
            self.process = subprocess.Popen(
                [sys.executable, *command],
                cwd=folder,
                env=clean_environment() | given | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )

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
    return truth.shipper_log(script.spool) + str(launch.status(Spool(script.spool), script.uri))


def found_killed(script: Script) -> Run | None:
    """The run, once it has the status and the reason of a run whose trainer was killed."""
    run = script.run
    done = run.info.status == "FAILED" and run.data.tags.get("tfmlflow.end_reason") == "killed"
    return run if done else None


def stored_steps(script: Script, key: str = "batch/loss") -> list[int]:
    """The steps of a metric in the store, in their order."""
    return sorted(point.step for point in script.client.get_metric_history(script.run.info.run_id, key))


@pytest.fixture(scope="session")
def new_store(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Puts a ready SQLite store into a folder, which is then the scripts'; to make one takes two seconds."""
    template = tmp_path_factory.mktemp("template")
    stores.client(template).search_experiments()

    def put(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(template / "mlflow.db", folder / "mlflow.db")
        with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
            database.execute("UPDATE experiments SET artifact_location = ?", (str(folder / "artifacts"),))
        return folder

    return put


Store = Callable[[Path], Path]


@pytest.mark.slow
def test_what_a_killed_training_has_said_is_in_the_store_with_the_truth(tmp_path: Path, new_store: Store) -> None:
    def killed(seed: int) -> float:
        dice = random.Random(seed)
        with Script(new_store(tmp_path / str(seed)), TRAINING, "100", "40", "0.01") as script:
            script.until(f"STEP {dice.randint(20, 400)}")
            time.sleep(dice.uniform(0, 0.05))
            moment, began = script.send(signal.SIGKILL), time.monotonic()
            eventually(lambda: found_killed(script), 30, lambda: truth.shipper_log(script.spool))
            took = time.monotonic() - began
            truth.wait_delivered(script.spool)
            run = truth.assert_true(script.client, script.run_folder, "FAILED")
            assert abs(run.info.end_time / 1000 - moment) < 10
            due = [step for step, at in script.steps.items() if at < moment - 1]
            assert stored_steps(script)[: len(due)] == due
            return took

    took = two_at_a_time([lambda seed=seed: killed(seed) for seed in range(2)])
    print("seconds from SIGKILL to FAILED:", [round(seconds, 1) for seconds in took])
    assert max(took) < 15


@pytest.mark.slow
def test_the_steps_before_one_that_hangs_are_in_the_store(tmp_path: Path, new_store: Store) -> None:
    with Script(new_store(tmp_path / "run"), TRAINING, "100", "40", "0.02", "hang=117") as script:
        script.until("STEP 117")
        time.sleep(2)
        script.send(signal.SIGKILL)
        eventually(lambda: found_killed(script), 30, lambda: truth.shipper_log(script.spool))
        assert stored_steps(script)[:116] == list(range(1, 117))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"])
def test_a_training_that_is_told_to_leave_is_safe_within_10_seconds(
    tmp_path: Path, new_store: Store, number: int, code: int
) -> None:
    def told(seed: int) -> float:
        dice = random.Random(seed + number * 100)
        with Script(new_store(tmp_path / str(seed)), TRAINING, "100", "40", "0.01") as script:
            script.until(f"STEP {dice.randint(1, 400)}")
            time.sleep(dice.uniform(0, 0.05))
            script.send(number)
            began = time.monotonic()
            assert script.ended(30) == code, script.errors
            took = time.monotonic() - began
            truth.wait_delivered(script.spool)
            run = truth.assert_true(script.client, script.run_folder, "KILLED")
            assert run.data.tags["tfmlflow.end_reason"] == "signal"
            last = max(script.steps)
            assert stored_steps(script) == list(range(1, last + 1))
            assert f"checkpoints/step-{last:08d}.npz" in stores.files(script.store, run.info.run_id)
            return took

    took = [told(seed) for seed in range(2)]
    print("seconds from the signal to the exit:", [round(seconds, 1) for seconds in took])
    assert max(took) < 15  # 10 on a machine that does nothing else


@pytest.mark.slow
def test_the_command_says_how_it_was_stopped_and_a_killed_one_is_found_dead(tmp_path: Path, new_store: Store) -> None:
    def command(name: str, number: int) -> Script:
        words = (str(ROOT / "train.py"), "trainer.epochs=5000", "tracking.checkpoint_every=1000")
        with Script(new_store(tmp_path / name), *words) as script:
            eventually(lambda: "epoch    3/" in script.said, 120, lambda: script.errors)
            script.send(number)
            began = time.monotonic()
            script.ended(30)
            took = time.monotonic() - began
            if number == signal.SIGKILL:
                eventually(lambda: found_killed(script), 15, lambda: truth.shipper_log(script.spool))
            else:
                assert took < 10
            truth.wait_delivered(script.spool)
            truth.assert_true(script.client, script.run_folder, "FAILED" if number == signal.SIGKILL else "KILLED")
            return script

    stopped, killed = two_at_a_time(
        [lambda: command("stopped", signal.SIGTERM), lambda: command("killed", signal.SIGKILL)]
    )
    assert stopped.process.returncode == 143
    run_id = stopped.run.info.run_id
    assert f"stopped by SIGTERM: run {run_id} ended as KILLED, with a checkpoint of the last step" in stopped.said
    assert f"runs/{run_id}" in stopped.said.splitlines()[-1]
    assert stopped.errors == ""
    assert any(path.endswith(".npz") for path in stores.files(stopped.store, run_id))
    assert killed.process.returncode == -signal.SIGKILL
    assert killed.run.info.run_id in killed.said  # so that whoever comes back finds it
    assert killed.run.data.metrics["batch/loss"] > 0


@pytest.mark.slow
def test_a_killed_shipper_has_a_successor_and_the_run_is_complete(tmp_path: Path, new_store: Store) -> None:
    with Script(new_store(tmp_path / "run"), TRAINING, "20", "40", "0.02") as script:
        script.until("STEP 50")
        first = eventually(lambda: shipper_at_work(script.spool), 30)
        os.kill(first, signal.SIGKILL)
        began = time.monotonic()

        def successor() -> int | None:
            found = shipper_at_work(script.spool)
            return found if found != first else None

        second = eventually(successor, 20, lambda: truth.shipper_log(script.spool))
        took = time.monotonic() - began
        print(f"seconds from one shipper to the next: {took:.1f}")
        script.until("ENDS")
        os.kill(second, signal.SIGKILL)  # and at the worst moment
        assert script.ended(60) == 0, script.errors
        truth.wait_delivered(script.spool)
        truth.assert_true(script.client, script.run_folder)
        assert stored_steps(script) == list(range(1, 801))
        assert took < 10.5
        assert script.errors == ""


@pytest.mark.slow
def test_what_a_killed_training_and_its_killed_shipper_leave_is_delivered_by_sync(
    tmp_path: Path, new_store: Store
) -> None:
    with Script(new_store(tmp_path / "run"), TRAINING, "100", "40", "0.01") as script:
        script.until("STEP 150")
        shipper = eventually(lambda: shipper_at_work(script.spool), 30)
        moment = script.send(signal.SIGKILL)
        os.kill(shipper, signal.SIGKILL)
        eventually(lambda: not shippers(script.spool), 5)
        assert script.run.info.status == "RUNNING"
        sync = Script(tmp_path / "sync", "-m", "tfmlflow", "sync", spool=script.spool, store=script.store)
        with sync:
            assert sync.ended(60) == 0, sync.said + sync.errors
        assert "1 of 1 runs delivered" in sync.said
        assert found_killed(script)
        truth.wait_delivered(script.spool, 5)
        truth.assert_true(script.client, script.run_folder, "FAILED")
        due = [step for step, at in script.steps.items() if at < moment - 1]
        assert stored_steps(script)[: len(due)] == due


@pytest.mark.slow
def test_a_journal_that_is_torn_and_damaged_costs_the_damaged_records_alone(tmp_path: Path, new_store: Store) -> None:
    with Script(new_store(tmp_path / "run"), TRAINING, "100", "40", "0.01") as script:
        script.until("STEP 120")
        shipper = eventually(lambda: shipper_at_work(script.spool), 30)
        script.send(signal.SIGKILL)
        os.kill(shipper, signal.SIGKILL)
        eventually(lambda: not shippers(script.spool), 5)
        journal = script.run_folder.journal
        last = Points("after/damage", np.array([7]), np.array([1_700_000_000_000]), np.array([0.5]))
        whole = format.encode(last)
        noise = random.Random(0).randbytes(3000)
        with journal.open("ab") as stream:
            stream.write(whole[:20] + noise + format.MARK + noise[:50] + whole + whole[: len(whole) // 2])
        before = list(reader.read(journal))
        assert before[-1][1].key == "after/damage"
        eventually(lambda: launch.ensure(Spool(script.spool), script.uri), 5)
        eventually(lambda: found_killed(script), 30, lambda: truth.shipper_log(script.spool))
        truth.wait_delivered(script.spool, 20)
        run = truth.assert_true(script.client, script.run_folder, "FAILED")
        assert run.data.metrics["after/damage"] == 0.5
        assert stored_steps(script) == list(range(1, len(stored_steps(script)) + 1))
        eventually(lambda: not shippers(script.spool), 30, lambda: "the shipper stays for a run that is over")


@pytest.mark.slow
def test_two_trainings_share_one_shipper(tmp_path: Path, new_store: Store) -> None:
    store, spool = new_store(tmp_path / "store"), tmp_path / "spool"
    words = (TRAINING, "10", "40", "0.02")
    with (
        Script(tmp_path / "one", *words, spool=spool, store=store) as one,
        Script(tmp_path / "two", *words, spool=spool, store=store) as two,
    ):
        one.until("STEP 20")
        two.until("STEP 20")
        eventually(lambda: shipper_at_work(spool), 30)
        time.sleep(launch.KEEP + 1)  # one that has found the other's lock has left by now
        counts = []
        while "ENDS" not in one.said or "ENDS" not in two.said:
            counts.append(len(shippers(spool)))
            time.sleep(0.2)
        assert set(counts) == {1}
        assert len(counts) > 5
        assert (one.ended(), two.ended()) == (0, 0), one.errors + two.errors
        truth.wait_delivered(spool, count=2)
        for folder in truth.folders(spool):
            truth.assert_true(one.client, folder)
    assert len(stores.runs(store)) == 2


# Python runs it in every process whose PYTHONPATH it is on, the shipper's too. libfaketime 0.9.10 makes Python's
# `time.sleep` fail.
CLOCK = """
import os, time
now, file = time.time, os.environ["SET_BACK"]
time.time = lambda: now() - 3600 * os.path.exists(file)
"""


@pytest.mark.slow
def test_a_clock_that_is_set_back_an_hour_harms_nothing(tmp_path: Path, new_store: Store) -> None:
    clock, set_back = tmp_path / "clock", tmp_path / "set_back"
    clock.mkdir()
    (clock / "sitecustomize.py").write_text(CLOCK)
    environment = {"PYTHONPATH": str(clock), "SET_BACK": str(set_back)}
    began = time.time()
    with Script(new_store(tmp_path / "run"), TRAINING, "4", "50", "0.03", **environment) as script:
        script.until("STEP 60")
        set_back.touch()
        assert script.ended() == 0, script.errors
        truth.wait_delivered(script.spool)
        run = truth.assert_true(script.client, script.run_folder)
        assert run.data.tags["tfmlflow.end_reason"] == "completed"
        assert script.steps[200] < script.steps[50], "the clock was not set back"
        assert stored_steps(script) == list(range(1, 201))
        history = script.client.get_metric_history(run.info.run_id, "batch/loss")
        times = [point.timestamp for point in sorted(history, key=lambda point: point.step)]
        assert times == sorted(times)
        assert times[-1] / 1000 > began
        # Else the UI shows a negative duration.
        assert run.info.end_time >= run.info.start_time


ODD = [
    "acc@1",
    "../../etc/hosts",
    "/etc/motd",
    "two\nlines",
    "<script>alert('x')</script>",
    "long " * 60,
    "x" * 249 + "/" + "y" * 50,  # cut to 250 characters it ends with a slash
    "..",
    "größe",
    "a//b",
    "50%",
]

NAMES = """
import json, sys
from pathlib import Path
import keras, numpy as np, tfmlflow

odd = json.loads(sys.argv[1])

class Logs(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs.update({name: float(i) for i, name in enumerate(odd)})

class Odd(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        session = callback.session
        for i, name in enumerate(odd):
            session.params({name: f"param {i}"})
            session.tags({name: f"tag {i}"})
            session.text(name, f"marker of a text {i}", "texts")
            session.text(f"{i}.txt", f"marker of a folder {i}", name)
        file = Path("ha#lf?.txt")
        file.write_text("marker of a file")
        session.artifact(file, "../../../files", keep=True)

x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(1e-4), "mse")
callback = tfmlflow.TrackingCallback("loss", run_name=sys.argv[2], system_metrics=False, log_model=False)
model.fit(x, x.sum(1), epochs=2, verbose=0, callbacks=[Logs(), callback, Odd()])
"""


@pytest.mark.slow
def test_odd_names_arrive_legal_and_nothing_leaves_its_folder(tmp_path: Path) -> None:
    run_name = "<script>\n" + "../" * 100
    with Script(tmp_path / "a" / "b" / "c" / "run", NAMES, json.dumps(ODD), run_name) as script:
        assert script.ended() == 0, script.errors
        eventually(lambda: script.run.info.status == "FINISHED", 20, lambda: said_by_shipper(script))
        run = script.run
        metrics = {key: script.client.get_metric_history(run.info.run_id, key) for key in run.data.metrics}
        files = stores.files(script.store, run.info.run_id)
        artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
        lost = []
        for i, name in enumerate(ODD):
            keys = [key for key, history in metrics.items() if [point.value for point in history] == [float(i)] * 2]
            lost += [f"metric {name!r}: {keys}"] if len(keys) != 1 else []
            lost += [f"param {name!r}"] if f"param {i}" not in run.data.params.values() else []
            lost += [f"tag {name!r}"] if f"tag {i}" not in run.data.tags.values() else []
            for what in (f"marker of a text {i}", f"marker of a folder {i}"):
                holding = [path for path in files if (artifacts / path).read_bytes() == what.encode()]
                lost += [f"{what}, {name!r}: {holding}"] if len(holding) != 1 else []
        assert lost == [], said_by_shipper(script)
        assert "files/ha_lf_.txt" in files
        assert "tfmlflow.refused" not in run.data.tags, run.data.tags["tfmlflow.refused"]
        assert len(run.info.run_name) <= 250, "more than a PostgreSQL store takes"
        assert run.info.run_name.startswith("<script>")
    inside = (artifacts, script.spool)
    for file in tmp_path.rglob("*"):
        if file.is_file() and file.name != "ha#lf?.txt" and not any(place in file.parents for place in inside):
            assert b"marker of a" not in file.read_bytes() or file.suffix == ".txt", file
            assert file.name not in ("hosts", "motd"), file


EPOCHS = """
import importlib.abc, math, sys

class NoTensorBoard(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "tensorboard":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoTensorBoard())
import keras, numpy as np, tfmlflow

ODD = [math.nan, math.inf, -math.inf, 1.0]

class Logs(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["odd"] = ODD[epoch % 4]

x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(1e-3), "mse", metrics=["mae"])
callback = tfmlflow.TrackingCallback(system_metrics=False, keep_last=2)
model.fit(x, x.sum(1), epochs=100, validation_split=0.5, verbose=0, callbacks=[Logs(), callback])
assert "tensorboard" not in sys.modules
"""


@pytest.mark.slow
def test_100_epochs_with_nan_and_infinity_and_without_tensorboard(tmp_path: Path, new_store: Store) -> None:
    with Script(new_store(tmp_path / "run"), EPOCHS) as script:
        assert script.ended() == 0, script.errors
        truth.wait_delivered(script.spool)
        run = truth.assert_true(script.client, script.run_folder)
        for key in ("train/loss", "train/mae", "val/loss", "val/mae"):
            assert stored_steps(script, key) == list(range(1, 101))
        odd = sorted(script.client.get_metric_history(run.info.run_id, "train/odd"), key=lambda point: point.step)
        assert [math.isnan(point.value) for point in odd] == [True, False, False, False] * 25
        largest = sys.float_info.max  # as MLflow keeps infinity
        assert [point.value for point in odd if not math.isnan(point.value)] == [largest, -largest, 1.0] * 25
        assert len(truth.logged_models(script.client, run)) == 1
        assert script.errors == ""
