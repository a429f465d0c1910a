"""Arguments of functions of the user's own, and mappings on the command line."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.config import without_heavy_libraries
from tests.conftest import Command

MINE = """\
from functools import partial
from elsewhere import build_elsewhere


def build(data, units=3, *, width: int = 2): ...
def load(rows, kind="x"): ...
def cached(cache): ...
def any_of(data, **more): ...
def other(data, units): ...
def no_data(units=1): ...
class Built:
    def __init__(self, data, depth=1): ...
made = partial(build, units=4)
"""
ELSEWHERE = "def build_elsewhere(data, height): ...\n"
RIGHT = [
    "model=custom model._target_=mine.build +model.units=7",  # a shipped model has a list of that name
    "model=custom model._target_=mine.any_of +model.dropout=often",
    "model=custom model._target_=mine.any_of +model.anything=1",
    "model=custom model._target_=mine.made +model.units=1",
    "model=custom model._target_=mine.Built +model.depth=2",
    "model=custom model._target_=mine.build_elsewhere +model.height=2",
    "data=custom data._target_=mine.load +data.rows=3 +data.kind=7",
    "data=custom data._target_=mine.load +data.rows=3 +data.cache=memory",
    "data=custom data._target_=mine.cached +data.cache=/tmp/of_mine",  # theirs
]
WRONG = {
    "model=custom model._target_=mine.build +model.unitz=7": (
        "model.unitz:",
        "did you mean units?",
        "data, units, width",
    ),
    "model=custom model._target_=mine.other": ("model._target_=mine.other: needs the argument units", "+model.units=…"),
    "model=custom model._target_=mine.no_data": ("is called with data=…",),
    "model=custom model._target_=mine.Built +model.dept=2": ("model.dept:", "did you mean depth?"),
    "model=custom model._target_=mine.build_elsewhere": ("needs the argument height",),
    "data=custom data._target_=mine.load +data.rows=3 +data.knd=y": ("data.knd:", "did you mean kind?"),
    "data=custom data._target_=mine.load +data.rows=3 +data.cache=disk": ("data.cache=disk:", "must be memory"),
    "data=custom data._target_=mine.load +data.rows=3 data.batch_size=0": ("data.batch_size=0:",),
    "model={_target_:mine.build,unts:4}": ("model.unts:", "did you mean units?"),
}
MAPPINGS = {
    "tracking.tags={team: a, area: {name: b}}": ("tracking.tags", {"team": "a", "area": {"name": "b"}}),
    "optimizer={learning_rate: 0.5}": ("optimizer.learning_rate", 0.5),
    "trainer={epochs: 3, early_stopping: {patience: 2}}": ("trainer.early_stopping.patience", 2),
    "trainer.early_stopping={patience: 2}": ("trainer.early_stopping.patience", 2),
    "trainer.class_weight={0: 2.0, 1: 1}": ("trainer.class_weight", {0: 2.0, 1: 1}),
    "trainer.loss={_target_: keras.losses.Huber, delta: 2}": ("trainer.loss.delta", 2),
    "model={_target_: mine.build, units: 4, width: 'a b'}": ("model.width", "a b"),
}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> str:
    return without_heavy_libraries(tmp_path_factory.mktemp("light"))


@pytest.fixture
def composed(train: Command, light: str, tmp_path: Path) -> Run:
    (tmp_path / "mine.py").write_text(MINE)  # in the folder that one works in, which is not the program's
    (tmp_path / "elsewhere.py").write_text(ELSEWHERE)
    return lambda *words: train(*words, PYTHONPATH=light)


@pytest.mark.parametrize("command", RIGHT)
def test_own_arguments_are_the_functions_own_affair(composed: Run, command: str) -> None:
    done = composed(*command.split())
    assert done.returncode != 2, done.stderr  # it gets as far as loading TensorFlow


@pytest.mark.parametrize(("command", "says"), WRONG.items(), ids=list(WRONG))
def test_an_argument_that_the_function_does_not_take_is_named(
    composed: Run, tmp_path: Path, command: str, says: tuple[str, ...]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = composed(*command.split())
    assert done.returncode == 2, done.stdout + done.stderr
    assert all(part in done.stderr for part in says), done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("command", list(MAPPINGS))
def test_mappings_are_taken_in_hydras_own_syntax(composed: Run, command: str) -> None:
    key, wanted = MAPPINGS[command]
    done = composed(command, "--cfg", "job")
    assert done.returncode == 0, done.stderr
    value = yaml.safe_load(done.stdout)
    for part in key.split("."):
        value = value[part]
    assert value == wanted
