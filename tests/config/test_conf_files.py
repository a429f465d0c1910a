"""The shipped option files: each composes, is checked key by key, and lists what it can be given."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from tfmlflow.command.compose import compose
from tfmlflow.config.location import conf, groups, options
from tfmlflow.config.option_files import whole
from tfmlflow.config.schema import PROFILE, SCHEMA
from tfmlflow.config.together.compression import OURS

WHOLE_RECIPES = ("experiment", "debug")  # they set keys of other groups
OPTIONS = [(group, option) for group in groups() for option in options(group)]
OF_A_GROUP = [(group, option) for group, option in OPTIONS if group not in WHOLE_RECIPES]
RECIPES = [(group, option) for group, option in OPTIONS if group in WHOLE_RECIPES]

FREE = {"name", "_target_", "function", "sampler", "step", "defaults"}  # the schema leaves them to the user
ELSEWHERE = {"name", "_target_", "batch_size", "limit", "cache"}  # keys of an option that its function does not get
GIVEN = {"data", "run", "prepared"}  # arguments of a function that do not come from its option
BEHIND = {  # functions that pass their arguments on, and what is given to the one behind them
    "tfmlflow.models.recurrent.lstm": ("tfmlflow.models.recurrent.stack", {"layer", "name"}),
    "tfmlflow.models.recurrent.gru": ("tfmlflow.models.recurrent.stack", {"layer", "name"}),
}


def names(pairs: list[tuple[str, str]]) -> list[str]:
    """The options as they are typed."""
    return [f"{group}={option}" for group, option in pairs]


def content(group: str, option: str) -> dict[str, Any]:
    """What is in an option's file."""
    read: dict[str, Any] = yaml.safe_load((conf() / group / f"{option}.yaml").read_text(encoding="utf-8"))
    return read


def keys(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Dotted names of all keys, nested ones too."""
    for key, value in values.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from keys(value, f"{prefix}{key}.")


@pytest.fixture
def mandatory(tmp_path: Path) -> dict[str, list[str]]:
    """The overrides that an option cannot do without."""
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    (tmp_path / "data.npz").touch()
    return {
        "data=csv": [f"data.path={tmp_path / 'table.csv'}", "data.label=b"],
        "data=images": [f"data.path={tmp_path}"],
        "data=text": [f"data.path={tmp_path}"],
        "data=tfrecord": [f"data.path={tmp_path}"],
        "data=custom": ["data._target_=tfmlflow.datasets.digits.load"],
        "model=custom": ["model._target_=tfmlflow.models.mlp.build"],
        "model=pretrained": ["model.base=VGG16"],
        "optimizer=custom": ["optimizer._target_=keras.optimizers.SGD"],
        "schedule=function": ["schedule.function.path=math.fmod"],
        "experiment=mnist_cnn": [f"data.path={tmp_path / 'data.npz'}"],
        **{f"compress={option}": ["compress.from=abcd1234"] for option in options("compress") if option != "none"},
        "experiment=mnist_speed": [f"data.path={tmp_path / 'data.npz'}"],
    }


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who trains together, as a starter would tell."""
    places = {"chief": ["127.0.0.1:1"], "worker": ["127.0.0.1:2"], "ps": ["127.0.0.1:3"]}
    cluster = {"cluster": places, "task": {"type": "chief", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))


@pytest.mark.parametrize("option", names(OPTIONS))
def test_every_option_composes_and_passes_the_checks(option: str, mandatory: dict[str, list[str]]) -> None:
    group, _, name = option.partition("=")
    cfg = compose([option, *mandatory.get(option, [])])
    if group not in WHOLE_RECIPES:
        assert cfg[group].name == name


@pytest.mark.parametrize("option", names([pair for pair in OF_A_GROUP if pair[0] == "optimizer"]))
def test_the_mnist_recipe_has_a_learning_rate_for_every_optimizer(option: str, mandatory: dict[str, list[str]]) -> None:
    overrides = ["experiment=mnist_cnn", *mandatory["experiment=mnist_cnn"], option, *mandatory.get(option, [])]
    assert 0 < compose(overrides).optimizer.learning_rate <= 1


@pytest.mark.parametrize(("group", "option"), OF_A_GROUP, ids=names(OF_A_GROUP))
def test_an_option_names_itself_first(group: str, option: str) -> None:
    assert next(iter(content(group, option).items())) == ("name", option)


@pytest.mark.parametrize(("group", "option"), OF_A_GROUP, ids=names(OF_A_GROUP))
def test_every_key_is_checked_or_free_on_purpose(group: str, option: str) -> None:
    used = {key for key in keys(content(group, option)) if key.split(".")[0] not in FREE}
    assert used - set(SCHEMA[group]) == set(), f"give them a kind in SCHEMA[{group!r}]"


def test_every_key_of_the_run_itself_is_checked() -> None:
    config = yaml.safe_load((conf() / "config.yaml").read_text(encoding="utf-8"))
    own = {key for key in keys(config) if key.split(".")[0] not in ("defaults", "hydra", "objective")}
    assert own == set(SCHEMA[""])
    assert set(config["objective"]) == set(SCHEMA["objective"])


@pytest.mark.parametrize("group", [group for group in groups() if group not in WHOLE_RECIPES])
def test_every_check_is_of_a_key_that_an_option_has(group: str) -> None:
    used = {key for option in options(group) for key in keys(content(group, option))}
    assert set(SCHEMA[group]) - used == set()


@pytest.mark.parametrize(("group", "option"), RECIPES, ids=names(RECIPES))
def test_a_recipe_sets_only_keys_that_the_options_it_chooses_have(
    group: str, option: str, mandatory: dict[str, list[str]]
) -> None:
    typed = f"{group}={option}"
    cfg = compose([typed, *mandatory.get(typed, [])])
    for section, settings in content(group, option).items():
        if section in ("defaults", "recipe"):
            continue
        if section == "profile":
            known: Any = {"_target_", *PROFILE}
        else:
            known = SCHEMA["objective"] if section == "objective" else keys(content(section, cfg[section].name))
        assert set(keys(settings)) - set(known) == set(), section


OPTIMIZERS = [option for option in options("optimizer") if option != "custom"]


@pytest.mark.xdist_group("keras")
@pytest.mark.parametrize("option", OPTIMIZERS)
def test_an_optimizer_lists_every_argument_of_its_keras_class(option: str) -> None:
    settings = content("optimizer", option)
    arguments = set(inspect.signature(located(settings["_target_"])).parameters)
    assert set(settings) - {"_target_"} == arguments - {"kwargs"}


@pytest.mark.parametrize("option", OPTIMIZERS)
def test_an_optimizer_is_called_what_keras_calls_it(option: str) -> None:
    package, _, name = content("optimizer", option)["_target_"].rpartition(".")
    assert (package, name.lower()) == ("keras.optimizers", option)


CALLED = [pair for pair in OF_A_GROUP if pair[0] in ("model", "data", "schedule", "augment") and pair[1] != "custom"]


@pytest.mark.xdist_group("keras")
@pytest.mark.parametrize(("group", "option"), CALLED, ids=names(CALLED))
def test_an_option_lists_every_argument_of_its_function_and_no_other(group: str, option: str) -> None:
    settings = content(group, option)
    target, given = BEHIND.get(settings["_target_"], (settings["_target_"], set()))
    arguments = set(inspect.signature(located(target)).parameters) - GIVEN - given
    assert set(settings) - ELSEWHERE == arguments


HARDWARE = options("hardware")


@pytest.mark.xdist_group("keras")
@pytest.mark.parametrize("option", HARDWARE)
def test_a_hardware_option_lists_only_arguments_of_its_function(option: str) -> None:
    settings = content("hardware", option)
    of_the_process = set(inspect.signature(located("tfmlflow.hardware.process.configure")).parameters)
    arguments = set(inspect.signature(located(settings["_target_"])).parameters) | of_the_process
    assert set(settings) - ELSEWHERE - arguments == set()


def located(target: str) -> Any:
    """The function or class that a dotted path names."""
    module, _, name = target.rpartition(".")
    return getattr(import_module(module), name)


@pytest.mark.xdist_group("keras")
@pytest.mark.parametrize("option", [option for option in options("compress") if option != "none"])
def test_a_way_to_compress_lists_every_argument_of_its_method_and_no_other(option: str) -> None:
    settings = whole("compress", option)
    arguments = set(inspect.signature(located(settings["_target_"])).parameters)
    assert {key for key in settings if key not in OURS} == arguments - {"model", "work"}
