"""Processes die, are told to leave, and see the clock jump; the run in the store stays true."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from tests import stores
from tests.chaos import truth
from tests.chaos.script import (
    SAFE,
    TRUTHFUL,
    Script,
    Store,
    eventually,
    found_killed,
    shipper_at_work,
    shippers,
    stored_steps,
    two_at_a_time,
)
from tests.conftest import ROOT
from tfmlflow.tracking.journal import format, reader
from tfmlflow.tracking.journal.records import Points
from tfmlflow.tracking.journal.spool import Spool
from tfmlflow.tracking.shipper import launch

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


@pytest.mark.slow
def test_what_a_killed_training_has_said_is_in_the_store_with_the_truth(tmp_path: Path, new_store: Store) -> None:
    def killed(seed: int) -> float:
        dice = random.Random(seed)
        with Script(new_store(tmp_path / str(seed)), TRAINING, "100", "40", "0.01") as script:
            script.until(f"STEP {dice.randint(20, 400)}")
            time.sleep(dice.uniform(0, 0.05))
            moment, began = script.send(signal.SIGKILL), time.monotonic()
            eventually(lambda: found_killed(script), TRUTHFUL, lambda: truth.shipper_log(script.spool))
            took = time.monotonic() - began
            truth.wait_delivered(script.spool)
            run = truth.assert_true(script.client, script.run_folder, "FAILED")
            assert abs(run.info.end_time / 1000 - moment) < 10
            due = [step for step, at in script.steps.items() if at < moment - 2]
            assert stored_steps(script)[: len(due)] == due
            return took

    took = two_at_a_time([lambda seed=seed: killed(seed) for seed in range(2)])
    print("seconds from SIGKILL to FAILED:", [round(seconds, 1) for seconds in took])
    assert max(took) < TRUTHFUL


@pytest.mark.slow
def test_the_steps_before_one_that_hangs_are_in_the_store(tmp_path: Path, new_store: Store) -> None:
    with Script(new_store(tmp_path / "run"), TRAINING, "100", "40", "0.02", "hang=117") as script:
        script.until("STEP 117")
        time.sleep(2)
        script.send(signal.SIGKILL)
        eventually(lambda: found_killed(script), TRUTHFUL, lambda: truth.shipper_log(script.spool))
        assert stored_steps(script)[:116] == list(range(1, 117))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.stress)]
)
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
            assert script.ended(60) in (code, -number), script.errors  # 130, or by SIGINT itself, as Python does
            took = time.monotonic() - began
            truth.wait_delivered(script.spool)
            run = truth.assert_true(script.client, script.run_folder, "KILLED")
            assert run.data.tags["tfmlflow.end_reason"] == "signal"
            last = max(script.steps)
            assert stored_steps(script) == list(range(1, last + 1))
            assert f"checkpoints/step-{last:08d}.npz" in stores.files(script.store, run.info.run_id)
            return took

    took = two_at_a_time([lambda seed=seed: told(seed) for seed in range(2)])
    print("seconds from the signal to the exit:", [round(seconds, 1) for seconds in took])
    assert max(took) < SAFE


@pytest.mark.stress
@pytest.mark.slow
def test_the_command_says_how_it_was_stopped_and_a_killed_one_is_found_dead(tmp_path: Path, new_store: Store) -> None:
    def command(name: str, number: int) -> Script:
        words = (str(ROOT / "train.py"), "trainer.epochs=5000", "tracking.checkpoint_every=1000")
        with Script(new_store(tmp_path / name), *words) as script:
            eventually(lambda: "epoch    3/" in script.said, 120, lambda: script.errors)
            script.send(number)
            began = time.monotonic()
            script.ended(60)
            took = time.monotonic() - began
            if number == signal.SIGKILL:
                eventually(lambda: found_killed(script), TRUTHFUL, lambda: truth.shipper_log(script.spool))
            else:
                assert took < SAFE
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


@pytest.mark.stress
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
        assert took < SAFE
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
        due = [step for step, at in script.steps.items() if at < moment - 2]
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
        place = reader.sound_end(journal)
        whole = format.encode(last, place.others, place.points)
        noise = random.Random(0).randbytes(3000)
        with journal.open("ab") as stream:
            stream.write(whole[:20] + noise + format.MARK + noise[:50] + whole + whole[: len(whole) // 2])
        before = list(reader.read(journal))
        assert before[-1][1].key == "after/damage"
        eventually(lambda: launch.ensure(Spool(script.spool), script.uri), 5)
        eventually(lambda: found_killed(script), TRUTHFUL, lambda: truth.shipper_log(script.spool))
        truth.wait_delivered(script.spool, 20)
        run = truth.assert_true(script.client, script.run_folder, "FAILED")
        assert run.data.metrics["after/damage"] == 0.5
        assert stored_steps(script) == list(range(1, len(stored_steps(script)) + 1))
        eventually(lambda: not shippers(script.spool), 30, lambda: "the shipper stays for a run that is over")


@pytest.mark.stress
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


@pytest.mark.stress
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
