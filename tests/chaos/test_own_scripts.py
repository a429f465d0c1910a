"""`TrackingCallback` in somebody's own script, whose run is its own, MLflow's or nobody's, and whose end is any."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests import stores
from tests.chaos import truth
from tests.chaos.script import TRUTHFUL, Script, Store, eventually, shippers, two_at_a_time

# Arguments: whose run it is, and what becomes of the script.
SCRIPT = """
import contextlib, os, signal, sys, time
import keras, mlflow, numpy as np, tfmlflow

whose, fate = sys.argv[1:]

def loop():
    with tfmlflow.track(system_metrics=False, diff=False) as run:
        for step in range(1, 141):
            run.log({"batch/loss": 1 / step}, step=step)
            time.sleep(0.02)
            if step == (120 if fate == "SIGKILL" else 50):
                if fate == "raises": raise RuntimeError("boom")
                if fate == "leaves": sys.exit(3)
                if fate == "leaves well": sys.exit()
                if fate in ("SIGTERM", "SIGINT", "SIGKILL"): os.kill(os.getpid(), getattr(signal, fate))
    print("FITTED", flush=True)

if whose == "loop":
    loop()
    sys.exit()

class Fate(keras.callbacks.Callback):
    step = 0
    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        time.sleep(0.02)
        if self.step == 50 and fate != "SIGKILL" or self.step == 120:
            if fate == "raises": raise RuntimeError("boom")
            if fate == "leaves": sys.exit(3)
            if fate == "SIGTERM": os.kill(os.getpid(), signal.SIGTERM)
            if fate == "SIGKILL": os.kill(os.getpid(), signal.SIGKILL)

def main():
    keras.utils.set_random_seed(1)
    x = np.random.default_rng(0).normal(size=(320, 4)).astype("float32")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    callback = tfmlflow.TrackingCallback("loss", log_every=1, log_model=False, system_metrics=False)
    model.fit(x, x.sum(1), batch_size=16, epochs=7, verbose=0, callbacks=[callback, Fate()])
    print("FITTED", flush=True)
    if whose != "nobody's":
        mlflow.log_metric("mine", 1.0)
    if fate == "SIGKILL after fit":
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)

if whose == "with":
    with mlflow.start_run(): main()
else:
    if whose == "open": mlflow.start_run()
    main()
"""

KILLED = -signal.SIGKILL
FATES = {  # exit code, status, reason
    "finishes": (0, "FINISHED", "completed"),
    "raises": (1, "FAILED", "error"),
    "SIGTERM": (143, "KILLED", "signal"),
    "SIGKILL": (KILLED, "FAILED", "killed"),
    "SIGKILL after fit": (KILLED, "FAILED", "killed"),
    "leaves": (3, "FAILED", "error"),
}
LOOPS = {fate: FATES[fate] for fate in ("finishes", "raises", "SIGTERM", "SIGKILL", "leaves")} | {
    "SIGINT": (-signal.SIGINT, "KILLED", "signal"),
    "leaves well": (0, "FINISHED", "completed"),
}


def ended(script: Script, status: str) -> None:
    """Wait until the run has `status`, which takes some seconds after the death of the process."""
    began = time.monotonic()
    while script.run.info.status != status and time.monotonic() - began < TRUTHFUL:
        time.sleep(0.1)
    truth.wait_delivered(script.spool)


@pytest.mark.slow
@pytest.mark.parametrize(
    "whose", ["with", *(pytest.param(w, marks=pytest.mark.stress) for w in ("open", "nobody's")), "loop"]
)
def test_every_end_of_a_script_is_told_as_it_was(tmp_path: Path, new_store: Store, whose: str) -> None:
    expected = FATES | ({"SIGKILL after fit": (KILLED, "FINISHED", "completed")} if whose == "nobody's" else {})
    if whose == "loop":  # of `tfmlflow.track`, without a fit
        expected = LOOPS
    if whose == "with":  # where it differs from a run that is merely open
        expected = {fate: expected[fate] for fate in ("finishes", "raises", "leaves")}

    def come_to(fate: str) -> dict[str, Any]:
        code, status, _ = expected[fate]
        with Script(new_store(tmp_path / fate.replace(" ", "_")), SCRIPT, whose, fate) as script:
            found: dict[str, Any] = {"code": script.ended()}
            ended(script, status)
            run = script.run
            files = stores.files(script.store, run.info.run_id)
            found |= {"status": run.info.status, "reason": run.data.tags.get("tfmlflow.end_reason")}
            found["steps"] = [p.step for p in script.client.get_metric_history(run.info.run_id, "batch/loss")]
            if code == 1:
                found["traceback"] = "RuntimeError: boom" in script.errors and "traceback.txt" in files
            if code == 143 and whose != "loop":
                found["checkpoint"] = "checkpoints/step-00000050.npz" in files
            if "FITTED" in script.said and whose in ("with", "open"):
                found["mine"] = run.data.metrics.get("mine")
            found["history"] = "history.parquet" in files
            return found

    found = dict(zip(expected, two_at_a_time([lambda fate=fate: come_to(fate) for fate in expected]), strict=True))
    told = {fate: (each["code"], each["status"], each["reason"]) for fate, each in found.items()}
    assert told == expected
    for fate, each in found.items():
        # Of a killed one all up to a second before; the step in which it ends may be counted or not.
        least = 140 if fate in ("finishes", "SIGKILL after fit") else 69 if fate == "SIGKILL" else 49
        assert sorted(each["steps"])[:least] == list(range(1, least + 1)), f"{fate}: {len(each['steps'])} steps"
        assert each["history"], fate
        assert each.get("traceback", True), fate
        assert each.get("checkpoint", True), fate
        assert each.get("mine", 1.0) == 1.0, fate


FITS = """
import sys
import keras, mlflow, numpy as np, tfmlflow

x = np.random.default_rng(0).normal(size=(160, 4)).astype("float32")
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(float(sys.argv[2])), "mse", metrics=["mae"])
callback = tfmlflow.TrackingCallback("loss", log_every=1, system_metrics=False, keep_last=1, keep_best=1)

def fit(epochs):
    model.fit(x, x.sum(1), batch_size=16, epochs=epochs, verbose=0, callbacks=[callback])

with mlflow.start_run(run_id=None if sys.argv[1] == "new" else sys.argv[1]) as run:
    print("RUN", run.info.run_id, flush=True)
    for epochs in sys.argv[3:]:
        fit(int(epochs))
model.evaluate(x, x.sum(1), verbose=0, callbacks=[callback])
"""


def epochs_and_steps(script: Script) -> tuple[list[int], list[int]]:
    """The epochs and the global steps of the run in the store, as they stand there."""
    client, run_id = script.client, script.run.info.run_id
    return tuple(sorted(p.step for p in client.get_metric_history(run_id, key)) for key in ("train/loss", "batch/loss"))


@pytest.mark.slow
def test_further_fits_and_processes_go_on_in_the_run_and_keep_the_best(tmp_path: Path, new_store: Store) -> None:
    store, spool = new_store(tmp_path / "store"), tmp_path / "spool"
    with Script(tmp_path / "one", FITS, "new", "0.05", "2", "3", spool=spool, store=store) as one:
        assert one.ended() == 0, one.errors
        truth.wait_delivered(spool, count=1)
        first = one.run  # one: the evaluations before and after have opened none
        assert first.info.status == "FINISHED"
        assert epochs_and_steps(one) == (list(range(1, 6)), list(range(1, 51)))
        models = {model.model_id for model in truth.logged_models(one.client, first)}
        best = {key: value for key, value in first.data.metrics.items() if key.startswith("best/")}
        assert best["best/epoch"] == 5.0
        assert len(models) == 1  # the better one of the two fits
        assert first.data.metrics["test/loss"] > 0  # of the evaluation after the run's end
        assert "tfmlflow.incomplete" not in first.data.tags
    eventually(lambda: not shippers(spool), 30)
    # Another process, with a model that is much worse.
    with Script(tmp_path / "two", FITS, first.info.run_id, "0.00001", "2", spool=spool, store=store) as two:
        assert two.ended() == 0, two.errors
        truth.wait_delivered(spool)
        second = two.run
        assert second.info.run_id == first.info.run_id
        assert second.info.status == "FINISHED"
        assert epochs_and_steps(two) == (list(range(1, 8)), list(range(1, 71)))
        history = two.client.get_metric_history(first.info.run_id, "train/loss")
        losses = {point.step: point.value for point in history}
        assert min(losses[6], losses[7]) > losses[5], "the second was meant to be worse"
        assert {key: value for key, value in second.data.metrics.items() if key.startswith("best/")} == best
        assert {m.model_id for m in truth.logged_models(two.client, second)} == models
        index = json.loads(stores.text(store, first.info.run_id, "checkpoints/index.json"))
        files = stores.files(store, first.info.run_id)
        assert {f"checkpoints/{entry['file']}" for entry in index} == {f for f in files if f.endswith(".npz")}
        assert "checkpoints/step-00000050.npz" in files, "the best checkpoint was replaced by a worse one"
        assert "checkpoints/step-00000070.npz" in files


SIGNALLED = """
import os, signal, sys, time
import keras, mlflow, numpy as np, tfmlflow

whose, number, caught = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "caught"

class Send(keras.callbacks.Callback):
    sent = False
    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.01)
        if batch == 5 and not self.sent:
            Send.sent = True
            os.kill(os.getpid(), number)

def fit(callback):
    x = np.random.default_rng(0).normal(size=(320, 4)).astype("float32")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, x.sum(1), batch_size=16, epochs=2, verbose=0, callbacks=[callback, Send()])

callback = tfmlflow.TrackingCallback("loss", log_model=False, system_metrics=False)
def main():
    try:
        fit(callback)
    except KeyboardInterrupt:
        print("CAUGHT", flush=True)
        if not caught: raise
        fit(callback)
        print("FITTED", flush=True)

if whose == "with":
    with mlflow.start_run(): main()
else: main()
"""
# Signal, whose run it is: exit code, and how the first run has ended.
SIGNALS = {
    ("SIGHUP", "nobody's"): (129, "KILLED"),
    ("SIGQUIT", "nobody's"): (131, "KILLED"),
    ("SIGUSR1", "nobody's"): (138, "KILLED"),
    ("SIGTERM", "with"): (143, "KILLED"),
    ("SIGINT", "nobody's"): (130, "KILLED"),  # or by the signal itself, as Python does
    ("SIGINT", "with"): (130, "KILLED"),
}


@pytest.mark.stress
@pytest.mark.slow
def test_every_signal_ends_a_run_killed_with_a_checkpoint(tmp_path: Path, new_store: Store) -> None:
    def come_to(case: tuple[str, str]) -> Any:
        name, whose = case
        with Script(
            new_store(tmp_path / f"{name}-{whose[:4]}"), SIGNALLED, whose, str(int(signal.Signals[name])), ""
        ) as it:
            code = it.ended()
            ended(it, "KILLED")
            run = it.run
            assert run.data.tags["tfmlflow.end_reason"] == "signal", it.errors
            assert run.data.tags["tfmlflow.error"] == f"stopped by {name}"
            assert any(file.endswith(".npz") for file in stores.files(it.store, run.info.run_id))
            assert ("CAUGHT" in it.said) == (name == "SIGINT")
            return 128 + signal.SIGINT if code == -signal.SIGINT else code, run.info.status

    found = dict(zip(SIGNALS, two_at_a_time([lambda case=case: come_to(case) for case in SIGNALS]), strict=True))
    assert found == SIGNALS


@pytest.mark.slow
def test_ctrl_c_that_a_script_catches_is_followed_by_a_run_of_its_own(tmp_path: Path, new_store: Store) -> None:
    with Script(new_store(tmp_path / "run"), SIGNALLED, "nobody's", str(int(signal.SIGINT)), "caught") as script:
        assert script.ended() == 0, script.errors
        truth.wait_delivered(script.spool, count=2)
        runs = sorted(stores.runs(script.store), key=lambda run: run.info.start_time)
    assert [run.info.status for run in runs] == ["KILLED", "FINISHED"]
    assert "FITTED" in script.said


@pytest.mark.slow
def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path, new_store: Store) -> None:
    """As under `nohup`."""
    ignored = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + SIGNALLED
    with Script(new_store(tmp_path / "run"), ignored, "nobody's", str(int(signal.SIGHUP)), "") as script:
        assert script.ended() == 0, script.errors
        assert script.run.info.status == "FINISHED"
