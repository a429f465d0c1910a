"""Workers that do not wait for each other: one run, every update accounted for, and deaths on the way."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import psutil
import pytest

from tests import stores
from tests.launch.launched import COMMON, Launched, curve, ended_by_ctrl_c, launched
from tfmlflow.datasets import digits

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("parameter_server")]
EPOCHS, STEPS = 4, 162  # 1,294 examples in steps of 8
ADAM = ("optimizer=adam", "optimizer.learning_rate=0.001", "schedule=cosine", "trainer.metrics=[accuracy,f1]")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    with launched(tmp_path_factory.mktemp("undisturbed"), *ADAM, "trainer=fit", servers=1) as training:
        assert training.ended() == 0, training.said
        yield training


def test_all_processes_write_one_complete_run(undisturbed: Launched) -> None:
    run = undisturbed.delivered()
    assert (run.info.status, run.data.tags["hardware.workers"]) == ("FINISHED", "2")
    assert run.data.tags["hardware.strategy"].startswith("ParameterServerStrategy")
    for member in ("worker-0", "worker-1", "server-0"):
        assert f"system/{member}/process_memory_megabytes" in run.data.metrics
        assert f"logs/{member}.log" in stores.files(undisturbed.folder, run.info.run_id)
    assert "tfmlflow.incomplete" not in run.data.tags
    assert "fit does not train over several processes" in undisturbed.said


def account(training: Launched) -> dict[str, list[float]]:
    run = stores.only_run(training.folder)
    kinds = ("issued", "applied", "repeated", "torn", "lost")
    return {kind: curve(training.folder, run, f"train/updates/{kind}") for kind in kinds}


def test_every_update_is_accounted_for(undisturbed: Launched) -> None:
    assert account(undisturbed) == {
        "issued": [STEPS] * EPOCHS,
        "applied": [STEPS] * EPOCHS,
        **dict.fromkeys(("repeated", "torn", "lost"), [0] * EPOCHS),
    }
    run = stores.only_run(undisturbed.folder)
    stale = {kind: curve(undisturbed.folder, run, f"train/staleness/{kind}") for kind in ("mean", "p95", "max")}
    for mean, most, largest in zip(stale["mean"], stale["p95"], stale["max"], strict=True):
        assert 0 < mean <= largest  # two workers are at it at the same time
        assert most <= largest <= STEPS


def test_the_schedule_has_counted_every_step(undisturbed: Launched) -> None:
    """Keras's own count, which workers overwrite for each other, is behind by a fifth."""
    saved = undisturbed.variables()
    (steps,) = (value for key, value in saved.items() if value.dtype == np.int64 and value.shape == ())
    assert steps == STEPS * EPOCHS
    rates = curve(undisturbed.folder, stores.only_run(undisturbed.folder), "batch/learning_rate")
    assert rates[-1] < rates[0] / 2


def test_its_numbers_are_those_of_the_stored_model(undisturbed: Launched) -> None:
    """Metrics are added up from parts that workers give: once each, whatever the order."""
    run = stores.only_run(undisturbed.folder)
    client = stores.client(undisturbed.folder)
    mlflow.set_tracking_uri(client.tracking_uri)
    (known,) = client.search_logged_models([run.info.experiment_id], f"source_run_id='{run.info.run_id}'")
    model = mlflow.pyfunc.load_model(f"models:/{known.model_id}")
    test = digits.load(seed=0).test
    table = model.predict(test.x.astype("float32"))
    predicted = table[[f"probability_{digit}" for digit in range(10)]].to_numpy()
    chosen = predicted.argmax(-1)
    assert run.data.metrics["test/accuracy"] == pytest.approx(np.mean(chosen == test.y), abs=1e-6)
    loss = -np.log(predicted[np.arange(len(test.y)), test.y])
    assert run.data.metrics["test/loss"] == pytest.approx(loss.mean(), rel=1e-4)
    f1 = keras.metrics.F1Score(average="macro")
    f1.update_state(keras.ops.one_hot(test.y, 10), predicted)
    assert run.data.metrics["test/f1"] == pytest.approx(float(f1.result()), abs=1e-5)


MINE = """
import numpy as np
from dataclasses import replace
import keras
from tfmlflow.data.splits import from_arrays

def arrays():
    chance = np.random.default_rng(0)
    y = np.arange(600) % 3
    x = {"numbers": (chance.normal(size=(600, 4)) + np.eye(4)[y]).astype("float32"),
         "picture": (chance.integers(0, 99, (600, 5, 5, 1)) + 60 * y[:, None, None, None]).astype("uint8")}
    return x, y, chance.uniform(0, 3, 600).astype("float32")

def load(seed: int = 0):
    x, y, weight = arrays()
    return from_arrays("mine", x, y, task="multiclass", weight=weight, seed=seed)

def build(data):
    inputs = {name: keras.Input(one.shape, name=name) for name, one in data.inputs.items()}
    x = keras.layers.concatenate([keras.layers.Flatten()(one) for one in inputs.values()])
    return keras.Model(inputs, keras.layers.Dense(data.classes, "softmax")(keras.layers.Dense(8, "relu")(x)))
"""


@pytest.mark.stress  # as tests/trainer/test_asynchronous.py in one process
def test_two_inputs_and_weights_of_examples_have_the_numbers_of_numpy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    own = ("data=custom", "data._target_=mine.load", "model=custom", "model._target_=mine.build")
    with launched(tmp_path, *own, servers=1, common=[word for word in COMMON if "dropout" not in word]) as training:
        assert training.ended() == 0, training.said
    run = stores.only_run(tmp_path)
    assert account(training)["applied"] == [54] * EPOCHS  # 432 examples in steps of 8
    monkeypatch.syspath_prepend(tmp_path)
    test = importlib.import_module("mine").load(seed=0).test
    client = stores.client(tmp_path)
    mlflow.set_tracking_uri(client.tracking_uri)
    (known,) = client.search_logged_models([run.info.experiment_id], f"source_run_id='{run.info.run_id}'")
    model = mlflow.tensorflow.load_model(f"models:/{known.model_id}")
    given = model.predict({"numbers": test.x["numbers"], "picture": test.x["picture"] / np.float32(255)}, verbose=0)
    loss = test.weight * -np.log(given[np.arange(len(test.y)), test.y])
    assert run.data.metrics["test/loss"] == pytest.approx(loss.mean(), rel=1e-4)
    assert run.data.metrics["test/accuracy"] == pytest.approx(np.mean(given.argmax(-1) == test.y), abs=1e-6)
    assert run.data.metrics["test/loss"] != pytest.approx((loss / test.weight).mean(), rel=1e-2)


def test_a_worker_that_dies_is_started_again_while_the_other_goes_on(tmp_path: Path) -> None:
    with launched(tmp_path, "trainer.epochs=6", servers=1, restarts=1) as training:
        training.until("epoch 2/6")
        training.member("worker-1").kill()
        assert training.ended() == 0, training.said
        assert "worker 1 was ended by SIGKILL; starting it again, 0 restart(s) left" in training.said
        assert "Traceback" not in training.said
    run = stores.only_run(tmp_path)
    assert (run.info.status, run.data.tags["tfmlflow.attempt"]) == ("FINISHED", "1")
    assert run.data.tags["tfmlflow.worker_died"].startswith("worker 1 was gone after step ")
    told = account(training)
    assert told["issued"] == told["applied"] == [STEPS] * 6
    assert told["lost"] == [0] * 6
    assert sum(told["repeated"]) + sum(told["torn"]) <= STEPS  # of one group of steps, at most


@pytest.mark.stress
@pytest.mark.parametrize("who", ["server-0", ""], ids=["server", "chief"])
def test_without_server_or_chief_all_begin_again_after_the_last_epoch(tmp_path: Path, who: str) -> None:
    with launched(tmp_path, servers=1, restarts=1, fresh=True) as training:
        training.until("epoch 2/4")
        training.member(who).kill()
        assert training.ended() == 0, training.said
        name = "server 0" if who else "chief"
        assert f"{name} was ended by SIGKILL; all processes were ended" in training.said
        assert "going on after epoch" in training.said
    run = stores.only_run(tmp_path)
    assert (run.info.status, run.data.tags["tfmlflow.attempt"]) == ("FINISHED", "2")
    assert run.data.tags["tfmlflow.worker_died"] == f"{name} was ended by SIGKILL"
    assert account(training)["applied"] == [STEPS] * EPOCHS


@pytest.mark.stress
def test_ctrl_c_ends_the_run_killed_with_a_checkpoint_and_leaves_no_process(tmp_path: Path) -> None:
    with launched(tmp_path, "trainer.epochs=500", servers=1, fresh=True) as training:
        training.until("2/500")
        family = psutil.Process(training.process.pid).children(recursive=True)
        members = [one for one in family if "tfmlflow.tracking.shipper" not in one.cmdline()]
        ended_by_ctrl_c(training, *members)
        assert training.variables()


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("optimizer.gradient_accumulation_steps=4", "gradient_accumulation_steps=4: hardware=parameter_server has no"),
        ("+trainer.step.watch=3", "trainer.step.watch=3: cannot be measured with hardware=parameter_server"),
        ("trainer.step._target_=tests.own.step", "hardware=parameter_server takes the step of fit"),
        ("hardware.precision=mixed_float16", "use mixed_bfloat16 or float32"),
    ],
)
def test_what_needs_all_steps_in_order_is_refused_before_tensorflow(train: Any, argument: str, said: str) -> None:
    done = train("hardware=parameter_server", argument)
    assert done.returncode == 2
    assert said in done.stderr


def test_without_others_it_is_refused_before_tensorflow(train: Any) -> None:
    done = train("hardware=parameter_server")
    assert done.returncode == 2
    assert "start it by `tfmlflow launch --workers 2 --servers 1 -- train.py hardware=parameter_server`" in done.stderr
