"""Every recipe of conf/experiment, shortened: the settings are the recipe's, data and epochs are fewer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import stores
from tests.conftest import ROOT, Command
from tfmlflow.command.compose import compose

RECIPES = {path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml")}


def part_of(mnist: Path, file: Path, train: int, test: int) -> Path:
    """A small file laid out as MNIST's."""
    with np.load(mnist) as arrays:
        parts = {"x_train": train, "y_train": train, "x_test": test, "y_test": test}
        np.savez(file, **{name: arrays[name][:count] for name, count in parts.items()})
    return file


@pytest.fixture(scope="module")
def clothes(mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Laid out as Fashion MNIST's, with MNIST's pictures in it."""
    return part_of(mnist, tmp_path_factory.mktemp("data") / "fashion_mnist.npz", 1500, 300)


@pytest.fixture(scope="module")
def few(mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of MNIST, as many as a recipe learns something of in seconds."""
    return part_of(mnist, tmp_path_factory.mktemp("data") / "mnist.npz", 4000, 500)


def test_every_recipe_has_a_test_here() -> None:
    assert {"mnist_cnn", "mnist_speed", "fashion_mnist_cnn", "fashion_mnist_tuned"} == RECIPES


@pytest.mark.slow
@pytest.mark.usefixtures("ready_store")
def test_mnist_cnn_side_by_side_by_optimizer(train: Command, tmp_path: Path, few: Path) -> None:
    recipe = ("data=mnist", f"data.path={few}", "experiment=mnist_cnn")
    done = train(*recipe, "optimizer=sgd,adam", "trainer.epochs=1", "-m")
    assert done.returncode == 0, done.stderr
    recorded = {run.data.params["optimizer.name"]: run for run in stores.jobs(tmp_path)}
    rates = {name: float(run.data.params["optimizer.learning_rate"]) for name, run in recorded.items()}
    third = compose([*recipe, "optimizer=rmsprop"]).optimizer
    assert rates | {third.name: third.learning_rate} == {"sgd": 0.05, "adam": 0.002, "rmsprop": 0.001}
    for run in recorded.values():
        assert run.info.status == "FINISHED"
        assert run.data.params["model.parameters"] == "126554"
        assert run.data.metrics["test/accuracy"] > 0.8
        assert "plots/augmentation.png" in stores.files(tmp_path, run.info.run_id)


@pytest.mark.usefixtures("ready_store")
def test_mnist_in_the_fewest_seconds(train: Command, tmp_path: Path, few: Path) -> None:
    done = train("experiment=mnist_speed", f"data.path={few}", "data.limit=2400")
    assert done.returncode == 0, done.stderr
    run = stores.only_run(tmp_path)
    assert run.info.status == "FINISHED"
    assert run.data.params["model.parameters"] == "29610"
    assert 57_000 % int(run.data.params["data.batch_size"]) == 0  # else a second graph is traced for the last batch
    assert run.data.metrics["test/accuracy"] > 0.8


@pytest.mark.usefixtures("ready_store")
def test_a_cnn_on_fashion_mnist_with_its_curves(train: Command, tmp_path: Path, clothes: Path) -> None:
    done = train("experiment=fashion_mnist_cnn", f"data.path={clothes}", "trainer.epochs=2", "tracking.report=true")
    assert done.returncode == 0, done.stderr
    run = stores.only_run(tmp_path)
    assert run.data.params["model.filters"] == "[32, 64]"
    assert {"plots/loss.png", "plots/accuracy.png"} <= stores.files(tmp_path, run.info.run_id)
    history = stores.client(tmp_path).get_metric_history(run.info.run_id, "val/accuracy")
    assert [point.step for point in history] == [1, 2]


@pytest.mark.usefixtures("ready_store")
def test_the_same_with_decay_early_stopping_and_the_best_checkpoint(
    train: Command, tmp_path: Path, clothes: Path
) -> None:
    done = train(
        "experiment=fashion_mnist_tuned",
        f"data.path={clothes}",
        "data.limit=1000",
        "trainer.early_stopping.patience=1",
        "trainer.early_stopping.min_delta=0.9",
        "tracking.log_every=1",
    )
    assert done.returncode == 0, done.stderr
    run = stores.only_run(tmp_path)
    assert run.data.tags["tfmlflow.end_reason"] == "early_stopping"
    assert "stopped early" in done.stdout
    assert "checkpoints/index.json" in stores.files(tmp_path, run.info.run_id)
    rates = [p.value for p in stores.client(tmp_path).get_metric_history(run.info.run_id, "batch/learning_rate")]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > rates[-1]


def test_ten_epochs_are_what_the_exercise_asks_for(train: Command) -> None:
    composed = train("experiment=fashion_mnist_cnn", "--cfg", "job", "--resolve").stdout
    assert "epochs: 10" in composed
    assert "name: fashion_mnist" in composed
