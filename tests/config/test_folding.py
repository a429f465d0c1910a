"""What folds, a range test and `auto` need of the rest of the config is said before anything is loaded."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tfmlflow.config.own.arguments import fold_of, kept_data
from tfmlflow.config.together import folding, range_test, several

TABLE = {"folds": None, "fold": 0, "group": None, "label": "price", "text": None, "categorical": ["kind"]}
TEST: dict[str, Any] = {
    "trainer": {"_target_": "tfmlflow.trainer.lr_range", "start": 1e-7, "end": 10.0},
    "schedule": {"_target_": "tfmlflow.optim.schedules.constant", "name": "constant"},
    "hardware": {"_target_": "tfmlflow.hardware.auto", "name": "auto"},
    "tracking": {"register_as": None},
}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fold": 2}, "data.fold=2: there are no folds; add data.folds=5"),
        ({"folds": 5, "fold": 5}, "data.fold=5: with data.folds=5 they are 0 to 4"),
        ({"group": "price"}, "data.group=price: is data.label, too"),
        ({"group": "story", "text": "story"}, "data.group=story: is data.text, too"),
        ({"group": "kind"}, "take it out of data.categorical"),
        ({"folds": 5, "fold": 4, "group": "patient"}, None),
        ({"folds": "many", "fold": 7}, None),  # said elsewhere
    ],
)
def test_folds(changed: dict[str, Any], said: str | None) -> None:
    found = list(folding.problems(TABLE | changed))
    assert found == [] if said is None else said in found[0]


@pytest.mark.parametrize(
    ("group", "changed", "said"),
    [
        ("schedule", {"_target_": "tfmlflow.optim.schedules.cosine", "name": "cosine"}, "schedule=cosine: trainer=lr"),
        ("trainer", {"start": 20.0}, "trainer.start=20.0: must be less than trainer.end"),
        ("hardware", {"_target_": "tfmlflow.hardware.multi_worker", "name": "multi_worker"}, "hardware=multi_worker:"),
        ("tracking", {"register_as": "mine"}, "tracking.register_as=mine: trainer=lr_range leaves no model"),
        ("profile", {"steps": 10}, "has no training to profile"),
        ("trainer", {"_target_": "tfmlflow.trainer.loop", "start": 20.0}, None),
    ],
)
def test_a_range_test(group: str, changed: dict[str, Any], said: str | None) -> None:
    values = copy.deepcopy(TEST)
    values[group] = values.get(group, {}) | changed
    found = list(range_test.problems(values))
    assert found == [] if said is None else len(found) == 1
    assert said is None or said in found[0]


def test_the_largest_batch_is_probed_on_one_device() -> None:
    hardware = {"_target_": "tfmlflow.hardware.multi_gpu", "name": "multi_gpu"}
    values = {"data": {"batch_size": "auto"}, "trainer": {}, "optimizer": {}, "hardware": hardware}
    assert "data.batch_size=auto: is probed on one GPU" in next(several.problems(values))


def test_who_takes_the_fold_is_given_it() -> None:
    shipped = {"_target_": "tfmlflow.datasets.csv.load", "name": "csv", "folds": 5, "fold": 2}
    assert "fold" not in kept_data(shipped)
    own = {"_target_": "tests.config.test_folding.takes_folds", "name": "custom", "folds": 5, "fold": 2}
    assert not {"folds", "fold"} & {*kept_data(own)}
    assert {"folds", "fold"} <= {*kept_data(own | {"_target_": "tests.config.test_folding.takes_none"})}
    assert fold_of(own) == (5, 2)
    assert fold_of({"_target_": "mine.load"}) == (None, 0)


def takes_folds(folds: int | None = None, fold: int = 0) -> None:
    """A loader that parts its data itself."""


def takes_none() -> None:
    """A loader that returns arrays."""
