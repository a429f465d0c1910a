"""`tfmlflow profile` as a user types it, judged by the terminal, the store and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import stores
from tests.conftest import Command, run

MODULE = """
import time

import keras

from tfmlflow.optim.schedules import Schedule


class Sleeper(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        time.sleep(0.5)


def watched(run):
    return Schedule(run.learning_rate, (Sleeper(),))
"""


@pytest.mark.slow
@pytest.mark.usefixtures("ready_store")
def test_a_profile_ends_with_a_run_that_holds_its_table_picture_and_verdict(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MODULE)
    words = ("data=digits", "schedule=constant", "schedule._target_=mine.watched", "--steps", "30", "trainer.epochs=40")
    done = run("-m", "tfmlflow", "profile", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "callback-bound" in done.stdout
    assert "Sleeper" in done.stdout
    recorded = stores.only_run(tmp_path)
    assert stores.client(tmp_path).get_experiment(recorded.info.experiment_id).name == "profile"
    assert recorded.info.status == "FINISHED"
    assert recorded.data.tags["tfmlflow.profile"] in done.stdout
    assert {"profile/profile.json", "plots/profile.png"} <= stores.files(tmp_path, recorded.info.run_id)
    said = json.loads(stores.text(tmp_path, recorded.info.run_id, "profile/profile.json"))
    assert said["bound"] == "callback"
    assert said["measured"]["epochs"] == 40
    assert said["measured"]["callbacks"]["Sleeper"]["epoch"] >= 0.5
    assert sum(said["parts"].values()) == pytest.approx(said["whole"])


@pytest.mark.stress
@pytest.mark.slow
def test_try_takes_the_advice_and_says_what_came_of_it(tmp_path: Path) -> None:
    slow = ("trainer.steps_per_execution=1", "trainer.jit_compile=false")
    words = ("data=digits", *slow, "trainer.epochs=400", "--steps", "30", "--try")
    done = run("-m", "tfmlflow", "profile", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "overhead-bound" in done.stdout
    assert "trying trainer.steps_per_execution=auto" in done.stdout
    assert "times faster, realised" in done.stdout
    assert len(stores.runs(tmp_path)) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("ready_store")
def test_a_profile_leaves_the_weights_as_the_training_has_left_them(train: Command, tmp_path: Path) -> None:
    done = train("debug=profile", "profile.steps=10", "profile.repeats=1", "+trainer.step.watch=1")
    assert done.returncode == 0, done.stderr
    metrics = stores.only_run(tmp_path).data.metrics
    assert metrics["test/loss"] == pytest.approx(metrics["val/loss"], rel=0.5)
    assert "trainer" not in done.stderr


WRONG = {
    "optimizer=adm": "adam",
    "profile.stepps=3": "profile.stepps",
    "-m": "one training",
    "--steps=0": "--steps",
    "profile.repeats=0": "profile.repeats=0: must be",
    "hardware=multi_gpu hardware.logical_cpus=2": "profile: measures one device; hardware=multi_gpu trains on several",
    "debug=fast": "debug=fast: a profile has one of its own",
}


@pytest.mark.parametrize("word", WRONG)
def test_a_wrong_command_is_one_error_before_tensorflow_is_loaded(word: str, tmp_path: Path) -> None:
    done = run("-X", "importtime", "-m", "tfmlflow", "profile", *word.split(), cwd=tmp_path, fresh=True)
    assert done.returncode == 2
    assert WRONG[word] in done.stderr
    assert "Traceback" not in done.stderr
    assert "| tensorflow" not in done.stderr
    assert list(tmp_path.iterdir()) == []
