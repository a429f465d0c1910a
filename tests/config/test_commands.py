"""Commands that train nothing, and the ways to say the same: --help, --cfg, --overrides, --config-dir."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.config import without_heavy_libraries
from tests.conftest import Command, run
from tfmlflow.config.location import groups, options

Shown = Callable[..., str]


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> str:
    """PYTHONPATH with which a command that loads TensorFlow, Keras or MLflow ends with exit code 99."""
    return without_heavy_libraries(tmp_path_factory.mktemp("light"))


@pytest.fixture
def shown(train: Command, light: str, tmp_path: Path) -> Shown:
    """What a command prints that only shows something: exit code 0, nothing heavy loaded, no new file."""

    def show(*arguments: str) -> str:
        before = sorted(tmp_path.rglob("*"))
        done = train(*arguments, PYTHONPATH=light)
        assert_well(done)
        assert sorted(tmp_path.rglob("*")) == before
        return done.stdout

    return show


def assert_well(done: subprocess.CompletedProcess[str]) -> None:
    """Exit code 0, and nothing to complain about."""
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_groups_keys_and_examples(shown: Shown, flag: str) -> None:
    text = shown(flag)
    for group in groups():
        assert f"{group}: {', '.join(options(group))}\n" in text
    for key in ("seed: 0", "learning_rate: 0.001", "epochs: 20", "patience: null", "uri: null"):
        assert key in text
    assert "python train.py optimizer=sgd,adam,rmsprop -m" in text
    assert "--config-dir" in text


def test_help_shows_the_keys_of_what_was_chosen(shown: Shown) -> None:
    text = shown("model=cnn", "optimizer=sgd", "--help")
    assert "filters:" in text
    assert "nesterov: true" in text


def test_cfg_job_prints_the_composed_config(shown: Shown) -> None:
    config = yaml.safe_load(shown("model=cnn", "trainer.epochs=3", "--cfg", "job"))
    assert {group for group in groups() if group not in ("experiment", "debug")} < set(config)
    assert config["model"]["name"] == "cnn"
    assert config["trainer"]["epochs"] == 3
    assert config["data"]["seed"] == "${seed}"
    assert "hydra" not in config


def test_cfg_job_resolve_fills_in_references(shown: Shown) -> None:
    config = yaml.safe_load(shown("seed=7", "--cfg", "job", "--resolve"))
    assert config["data"]["seed"] == 7
    assert config["tracking"]["experiment"] == "digits"
    assert "${" not in yaml.safe_dump(config)


def test_an_experiment_changes_what_it_names_and_the_command_line_has_the_last_word(shown: Shown) -> None:
    config = yaml.safe_load(shown("experiment=mnist_cnn", "trainer.epochs=2", "--cfg", "job"))
    assert (config["data"]["name"], config["model"]["name"], config["trainer"]["epochs"]) == ("mnist", "cnn", 2)


def test_the_version_names_what_it_stands_on(shown: Shown) -> None:
    assert re.fullmatch(
        r"tfmlflow [\d.]+, tensorflow [\d.]+, keras [\d.]+, mlflow [\d.]+, hydra-core [\d.]+\n", shown("--version")
    )


def test_flags_may_stand_anywhere(shown: Shown) -> None:
    assert shown("seed=3", "--cfg", "job", "trainer.epochs=2") == shown("--cfg", "job", "seed=3", "trainer.epochs=2")


def test_the_experiment_is_that_of_mlflows_own_variable(train: Command, light: str) -> None:
    asked = ("--cfg", "job", "--resolve", "--package", "tracking")
    done = train(*asked, PYTHONPATH=light, MLFLOW_EXPERIMENT_NAME="trees")
    assert "experiment: trees\n" in done.stdout
    done = train(*asked, "tracking.experiment=mine", PYTHONPATH=light, MLFLOW_EXPERIMENT_NAME="trees")
    assert "experiment: mine\n" in done.stdout


SAME: dict[str, list[str]] = {
    "": [],
    "seed=3": ["seed=3"],
    "optimizer=sgd optimizer.momentum=0.5 model.units=[8,4]": [
        "optimizer=sgd",
        "optimizer.momentum=0.5",
        "model.units=[8,4]",
    ],
    """tracking.run_name="'two words'" seed=3""": ["tracking.run_name='two words'", "seed=3"],
}


@pytest.mark.parametrize(("word", "arguments"), SAME.items(), ids=["none", "one", "several", "quoted"])
def test_overrides_in_one_word_are_the_same_as_apart(shown: Shown, word: str, arguments: list[str]) -> None:
    assert shown("--overrides", word, "--cfg", "job") == shown(*arguments, "--cfg", "job")


def test_overrides_in_one_word_can_be_mixed_with_others(shown: Shown) -> None:
    config = yaml.safe_load(shown("seed=1", "--overrides", "seed=2 trainer.epochs=4", "data.limit=9", "--cfg", "job"))
    assert (config["seed"], config["trainer"]["epochs"], config["data"]["limit"]) == (2, 4, 9)


def test_the_installed_command_composes_the_same_as_train_py(shown: Shown, light: str, tmp_path: Path) -> None:
    arguments = ["experiment=fashion_mnist_tuned", "optimizer=lion", "--cfg", "job"]
    done = run("-m", "tfmlflow", "train", *arguments, cwd=tmp_path, PYTHONPATH=light)
    assert_well(done)
    assert done.stdout == shown(*arguments)


def test_the_installed_command_has_the_same_help(shown: Shown, light: str, tmp_path: Path) -> None:
    done = run("-m", "tfmlflow", "train", "--help", cwd=tmp_path, PYTHONPATH=light)
    assert_well(done)
    assert done.stdout == shown("--help")


def test_the_installed_command_refuses_the_same(train: Command, light: str, tmp_path: Path) -> None:
    arguments = ["optimizer.lerning_rate=1"]
    done = run("-m", "tfmlflow", "train", *arguments, cwd=tmp_path, PYTHONPATH=light)
    assert (done.returncode, done.stderr) == (2, train(*arguments, PYTHONPATH=light).stderr)


@pytest.mark.parametrize("command", [("--help",), ("evaluate", "--help"), ("--version",)], ids=" ".join)
def test_help_of_the_installed_command_loads_nothing(tmp_path: Path, light: str, command: tuple[str, ...]) -> None:
    done = run("-m", "tfmlflow", *command, cwd=tmp_path, PYTHONPATH=light)
    assert_well(done)
    assert "tfmlflow" in done.stdout


@pytest.fixture
def mine(tmp_path: Path) -> dict[str, Any]:
    """Option files that somebody wrote: `my_conf/model/mine.yaml` and what is in it."""
    option = {"name": "mine", "_target_": "tfmlflow.models.mlp.build", "units": [5], "dropout": 0.25}
    (tmp_path / "my_conf" / "model").mkdir(parents=True)
    (tmp_path / "my_conf" / "model" / "mine.yaml").write_text(yaml.safe_dump(option))
    return option


def test_a_folder_of_ones_own_adds_an_option(shown: Shown, mine: dict[str, Any]) -> None:
    config = yaml.safe_load(shown("--config-dir", "my_conf", "model=mine", "model.units=[6]", "--cfg", "job"))
    assert config["model"] == mine | {"units": [6]}


def test_an_option_of_ones_own_is_listed(shown: Shown, mine: dict[str, Any]) -> None:
    said = shown("--config-dir", "my_conf", "--help")
    assert "model: cnn, custom, gru, lstm, mine, mlp, pretrained, resnet\n" in said


def test_an_option_of_ones_own_replaces_a_shipped_one_only_under_the_same_name(
    shown: Shown, mine: dict[str, Any]
) -> None:
    assert shown("--config-dir", "my_conf", "--cfg", "job") == shown("--cfg", "job")


BESIDE_MINE: dict[str, tuple[str, ...]] = {
    "optimizer.lerning_rate=1": ("optimizer.lerning_rate:", "did you mean learning_rate?"),
    "model=mnie": ("model=mnie:", "did you mean mine?"),
    "model.dropout=1": ("model.dropout=1:", "less than 1"),
    "model.unts=[3]": ("model.unts:", "model=mine"),
}


@pytest.mark.parametrize(("argument", "says"), BESIDE_MINE.items(), ids=list(BESIDE_MINE))
def test_a_wrong_argument_beside_a_folder_of_ones_own_still_gets_its_message(
    train: Command, light: str, mine: dict[str, Any], argument: str, says: tuple[str, ...]
) -> None:
    done = train("--config-dir", "my_conf", "model=mine", argument, PYTHONPATH=light)
    assert done.returncode == 2, done.stderr
    assert [part for part in says if part not in done.stderr] == []
    assert "Traceback" not in done.stderr


def test_a_wrong_key_of_an_option_of_ones_own_names_the_nearest_one(
    train: Command, light: str, mine: dict[str, Any]
) -> None:
    done = train("--config-dir", "my_conf", "model=mine", "model.unts=[3]", PYTHONPATH=light)
    assert "did you mean units?" in done.stderr


@pytest.mark.parametrize(
    ("file", "content", "argument", "says"),
    [
        ("model/typo.yaml", "{name: typo, _target_: tfmlflow.models.mlp.build, unts: [5]}", "model=typo", "units?"),
        ("experiment/typo.yaml", "# @package _global_\ntrainer: {epoch: 3}\n", "experiment=typo", "epochs?"),
    ],
    ids=["model", "experiment"],
)
def test_a_wrong_key_in_a_file_of_ones_own_names_the_nearest_one(
    train: Command, light: str, tmp_path: Path, file: str, content: str, argument: str, says: str
) -> None:
    path = tmp_path / "my_conf" / file
    path.parent.mkdir(parents=True)
    path.write_text(content)
    done = train("--config-dir", "my_conf", argument, PYTHONPATH=light)
    assert done.returncode == 2
    assert says in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("-m", "optimizer=sgd,adam", "trainer.epochs=0"),
        ("optimizer=sgd,adam", "-m", "trainer.epochs=0"),
        ("optimizer=sgd,adam", "trainer.epochs=0", "--multirun"),
    ],
)
def test_flags_may_stand_anywhere_among_the_overrides(train: Command, light: str, words: tuple[str, ...]) -> None:
    done = train(*words, PYTHONPATH=light)
    assert done.returncode == 2
    assert "trainer.epochs=0: must be" in done.stderr
    assert "(in the job" in done.stderr


def test_flags_with_a_value_may_stand_anywhere(shown: Shown) -> None:
    assert "epochs: 3" in shown("trainer.epochs=3", "--cfg", "job", "seed=1")
    assert yaml.safe_load(shown("trainer.epochs=3", "--cfg", "job", "-p", "trainer", "seed=1"))["epochs"] == 3
