"""`tfmlflow launch` as it is typed: two processes, one run, the same numbers as one process, and deaths on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.entities import Run

from tests import stores
from tests.launch.launched import COMMON, Launched, curve, ended_by_ctrl_c, launched
from tfmlflow.job.cluster import VARIABLE, Cluster
from tfmlflow.job.job import GO_ON
from tfmlflow.job.report import JobReport
from tfmlflow.launch.local import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("multi_worker")]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    with launched(tmp_path_factory.mktemp("undisturbed"), "trainer=fit") as training:
        assert training.ended() == 0, training.said
        yield training


def test_two_workers_write_one_complete_run(undisturbed: Launched) -> None:
    run = undisturbed.delivered()
    assert (run.info.status, run.data.tags["hardware.workers"]) == ("FINISHED", "2")
    assert run.data.metrics["system/worker-1/step"] > 0
    assert "system/worker-1/process_memory_megabytes" in run.data.metrics
    files = stores.files(undisturbed.folder, run.info.run_id)
    assert {"logs/worker-1.log", "checkpoints/index.json", "history.parquet"} <= files
    assert "perf/input_wait_share" not in run.data.metrics  # the graph gathers: there is nothing to wait for
    assert len(curve(undisturbed.folder, run, "val/loss")) == 4
    assert "tfmlflow.incomplete" not in run.data.tags
    assert "fit does not train over several processes" in undisturbed.said


def alike(folder: Path, train: Any, plain: Sequence[str], common: Sequence[str] = COMMON) -> tuple[Run, Run]:
    """The runs of one process, in `folder`, and of two, in its `two`, whose curves are the same."""
    with launched(folder / "two", *plain, common=common) as two:
        assert two.ended() == 0, two.said
    done = train(*common, *plain, "trainer=loop", "hardware=cpu", cwd=folder)
    assert done.returncode == 0, done.stderr
    one_run, two_run = stores.only_run(folder), stores.only_run(two.folder)
    for key in ("train/loss", "val/loss", "train/accuracy", "val/accuracy"):
        np.testing.assert_allclose(curve(two.folder, two_run, key), curve(folder, one_run, key), rtol=0, atol=1e-5)
    return one_run, two_run


@pytest.mark.parametrize(
    "augment",
    [pytest.param((), marks=pytest.mark.stress), ("augment=light", "augment.mixup=0.3", "augment.cutmix=1.0")],
    ids=["plain", "mixed"],
)
def test_the_numbers_are_those_of_one_process(
    undisturbed: Launched, tmp_path: Path, train: Any, augment: tuple[str, ...]
) -> None:
    """Without dropout, which each worker draws for itself; 1,294 examples in steps of 8 leave 6 for the last one."""
    plain = ("model.dropout=0.0", "optimizer.momentum=0.0", "optimizer.nesterov=false", "trainer.epochs=2", *augment)
    plain += ("optimizer.global_clipnorm=0.5",)  # which most gradients are above
    one_run, two_run = alike(tmp_path, train, plain)
    for key in ("test/loss", "best/loss"):
        assert two_run.data.metrics[key] == pytest.approx(one_run.data.metrics[key], abs=1e-5)


OWN = """
import os
import numpy as np, tensorflow as tf
from tfmlflow.data.own_batches import from_dataset

X = np.random.default_rng(0).normal(size=(150, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("int32") + (X[:, 1] > 0)

class Later:  # in the first pass as everywhere, then in an order of this process
    def __init__(self, seed):
        self.chance, self.passes = np.random.default_rng(seed), 0

    def __iter__(self):
        self.passes += 1
        places = np.arange(100) if self.passes == 1 else self.chance.permutation(100)
        return ((X[chosen], Y[chosen]) for chosen in places.reshape(10, 10))

def load(own_order: str = "never"):
    seed = int(os.environ["TFMLFLOW_OUTPUT"].endswith("worker-1")) if own_order != "never" else 0
    whole = tf.data.Dataset.from_tensor_slices((X, Y))
    train = whole.take(101).shuffle(101, seed=seed + 1).batch(8)  # of the last batch, 5: parts of 2 and 3
    train = Later(seed) if own_order == "later" else train
    held = whole.skip(101).batch(7)
    return from_dataset("mine", train, held, held, task="multiclass")
"""
MINE = ("data=custom", "data._target_=mine.load", "model=mlp", "model.units=[8]", "trainer.class_weight=balanced")

FROZEN = """
import keras

def build(data):
    inputs = keras.Input(data.input_shape)
    x = keras.layers.Flatten()(inputs)
    x = keras.layers.Dense(8, "relu", name="first", trainable=False)(x)
    x = keras.layers.BatchNormalization(name="norm", trainable=False)(x)
    return keras.Model(inputs, keras.layers.Dense(data.classes, "softmax")(x))
"""
PHASES = ("model=custom", "model._target_=frozen.build", "trainer.unfreeze=[{epoch:2,layers:first,factor:0.5}]")


def test_batches_of_one_s_own_and_phases_have_the_numbers_of_one_process(tmp_path: Path, train: Any) -> None:
    """Each worker has its part of every batch, whose order its loader shuffles by a seed; all begin a phase at once."""
    plain = ("optimizer.momentum=0.0", "optimizer.nesterov=false", *MINE[:2], MINE[-1], *PHASES)
    for folder in (tmp_path, tmp_path / "two"):
        folder.mkdir(exist_ok=True)
        (folder / "mine.py").write_text(OWN)
        (folder / "frozen.py").write_text(FROZEN)
    common = [word for word in COMMON if "dropout" not in word]
    one_run, two_run = alike(tmp_path, train, plain, common)
    assert curve(tmp_path / "two", two_run, "phase/number") == [1, 2, 2, 2]
    assert curve(tmp_path / "two", two_run, "train/loss")[-1] < curve(tmp_path / "two", two_run, "train/loss")[0]
    assert two_run.data.metrics["test/loss"] == pytest.approx(one_run.data.metrics["test/loss"], abs=1e-5)


@pytest.mark.parametrize(("when", "code"), [("at once", 2), pytest.param("later", 1, marks=pytest.mark.stress)])
def test_workers_whose_batches_come_in_other_orders_are_told(tmp_path: Path, when: str, code: int) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    with launched(tmp_path, *MINE, f"+data.own_order='{when}'") as training:
        assert training.ended() == code, training.said
        assert "data=mine: other batches came to worker 1 than to the chief, or in another order" in training.said
        assert "epoch 1/4" not in training.said
    assert [run.info.status for run in stores.runs(tmp_path)] == ([] if code == 2 else ["FAILED"])


@pytest.mark.parametrize("who", [pytest.param(0, marks=pytest.mark.stress), 1], ids=["chief", "worker"])
def test_after_a_death_it_goes_on_to_the_same_weights_in_the_same_run(
    undisturbed: Launched, tmp_path: Path, who: int
) -> None:
    with launched(tmp_path, restarts=1) as training:
        training.until("epoch 2/4")
        training.member(f"worker-{who}" if who else "").kill()
        assert training.ended() == 0, training.said
        assert f"worker {who} was ended by SIGKILL; all workers were ended" in training.said
        assert "all 4 epochs trained" in training.said
        variables = training.variables()
    run = stores.only_run(tmp_path)
    assert (run.info.status, run.data.tags["tfmlflow.attempt"]) == ("FINISHED", "2")
    assert run.data.tags["mlflow.note.content"].startswith("**val/loss ")
    assert "\n" not in run.data.tags["tfmlflow.error"]
    assert run.data.tags["tfmlflow.worker_died"] == f"worker {who} was ended by SIGKILL"
    expected = undisturbed.variables()
    assert set(variables) == set(expected)
    for key, value in expected.items():
        np.testing.assert_array_equal(variables[key], value, err_msg=key)
    whole = stores.only_run(undisturbed.folder)
    for key in ("best/loss", "test/loss"):
        assert run.data.metrics[key] == whole.data.metrics[key]


def test_workers_that_do_not_share_the_folder_are_told_where_each_would_go_on(tmp_path: Path, train: Any) -> None:
    """As two machines: each starts its own process, and the checkpoints of an earlier one are on the first alone."""
    stores.ready(tmp_path)
    here, words = tmp_path / "here", COMMON[:-1]
    earlier = train(*words, "hardware=cpu", "trainer.epochs=1", f"hydra.run.dir={here}")
    assert earlier.returncode == 0, earlier.stderr
    workers = tuple(f"127.0.0.1:{port}" for port in free_ports(2))

    def member(index: int) -> Any:
        folder = tmp_path / "elsewhere" / "worker-1" if index else here
        variables = {VARIABLE: Cluster(workers, index=index).as_variable(), GO_ON: "0"}
        return train(*words, "hardware=multi_worker", f"hydra.run.dir={folder}", **variables)

    with ThreadPoolExecutor(2) as pool:
        for done in pool.map(member, range(2)):
            assert done.returncode == 2, done.stderr
            assert "worker 0 after epoch 1 (step 162), worker 1 from the beginning; all read the" in done.stderr


@pytest.mark.stress
def test_after_a_death_in_a_later_phase_it_goes_on_in_that(tmp_path: Path) -> None:
    common, variables = [word for word in COMMON if "dropout" not in word], []
    for folder, deaths in ((tmp_path / "undisturbed", 0), (tmp_path / "disturbed", 1)):
        folder.mkdir()
        (folder / "frozen.py").write_text(FROZEN)
        with launched(folder, *PHASES, common=common, restarts=deaths) as training:
            if deaths:
                training.until("epoch 3/4")
                training.member("worker-1").kill()
            assert training.ended() == 0, training.said
            assert training.said.count("phase 2 of 2") == 1
            variables.append(training.variables())
    expected, found = variables
    assert set(found) == set(expected)
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value, err_msg=key)


def test_ctrl_c_ends_the_run_killed_with_a_checkpoint_and_leaves_no_process(tmp_path: Path) -> None:
    with launched(tmp_path, "trainer.epochs=500") as training:
        training.until("2/500")
        workers = training.members()
        assert len(workers) == 2
        ended_by_ctrl_c(training, *workers)
    report = JobReport.read(training.out)
    assert report is not None
    assert report.status == "KILLED"


def test_a_wrong_command_is_told_once_and_not_tried_again(tmp_path: Path) -> None:
    with launched(tmp_path, "optimizer.learning_rate=-1", restarts=3) as training:
        assert training.ended() == 2
        assert training.said.count("optimizer.learning_rate=-1: must be") <= 2  # of each worker that got so far
        assert "starting all again" not in training.said


@pytest.mark.stress
def test_what_an_earlier_training_has_left_in_the_folder_is_not_gone_on_with(tmp_path: Path) -> None:
    """The chief dies before its first checkpoint, in a folder with those of a longer training."""
    with launched(tmp_path, "trainer.epochs=1") as earlier:
        assert earlier.ended() == 0, earlier.said
    with launched(tmp_path, "seed=5", restarts=1) as training:
        training.until("parameters, data digits")
        training.member().kill()
        assert training.ended() == 0, training.said
        assert "starting all again" in training.said
        assert "going on after epoch" not in training.said
        assert "epoch 1/4" in training.said
    runs = stores.runs(tmp_path)
    assert len(runs) == 2
    assert [run.data.params["trainer.epochs"] for run in runs] == ["1", "4"]


def test_a_sweep_over_several_processes_is_refused(tmp_path: Path) -> None:
    with launched(tmp_path, "-m", "seed=1,2") as training:
        assert training.ended() == 2
        assert "a sweep's job is one process; leave -m away" in training.said


def test_without_others_it_is_refused_before_tensorflow(train: Any) -> None:
    done = train("hardware=multi_worker")
    assert done.returncode == 2
    assert "start it by `tfmlflow launch --workers 2 -- train.py hardware=multi_worker`" in done.stderr
