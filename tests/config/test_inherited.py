"""What is taken out of another run's config, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from tfmlflow.command.compose import compose
from tfmlflow.command.swept import conditional
from tfmlflow.config.check import check
from tfmlflow.config.inherited import inherit
from tfmlflow.errors import UsageError

DIGITS = {
    "name": "digits",
    "_target_": "tfmlflow.datasets.digits.load",
    "batch_size": 32,
    "limit": None,
    "validation_share": 0.2,
    "seed": "${seed}",
    "test_share": 0.2,
}


def inherited(settings: dict[str, Any], *words: str) -> Any:
    """The config of a compression whose origin has this one."""
    words = ("compress=int8", "compress.from=abcd1234", *words)
    return inherit(compose(words), settings, words, "abcd1234")


def test_data_and_seed_are_the_origins() -> None:
    made = inherited({"seed": 7, "data": DIGITS})
    assert (made.data.batch_size, made.data.validation_share, made.data.seed, made.seed) == (32, 0.2, 7, 7)


def test_the_split_stays_the_origins_under_another_seed() -> None:
    made = inherited({"seed": 7, "data": DIGITS}, "seed=1")
    assert (made.seed, made.data.seed) == (1, 7)


def test_what_is_typed_counts() -> None:
    assert inherited({"seed": 7, "data": DIGITS}, "data=digits").data.validation_share == 0.1


def test_a_key_alone_is_laid_beside_the_origins() -> None:
    made = inherited({"seed": 7, "data": DIGITS}, "data.batch_size=16")
    assert (made.data.batch_size, made.data.validation_share, made.data.seed) == (16, 0.2, 7)


def test_a_loader_that_is_not_ours_is_not_called_for_a_store() -> None:
    with pytest.raises(UsageError, match=r"os\.system.*data=custom"):
        inherited({"seed": 7, "data": DIGITS | {"_target_": "os.system"}})


@pytest.mark.parametrize("key", ["loss", "metrics"])
def test_nor_is_a_loss_or_metric_that_is_not_of_keras(key: str) -> None:
    own = {"_target_": "subprocess.run"}
    with pytest.raises(UsageError, match=r"subprocess\.run"):
        inherited({"seed": 7, "data": DIGITS, "trainer": {key: [own] if key == "metrics" else own}})


def test_the_environment_is_not_looked_up_for_a_store() -> None:
    with pytest.raises(UsageError, match="is looked up"):
        inherited({"seed": 7, "data": DIGITS | {"seed": "${oc.env:AWS_SECRET_ACCESS_KEY}"}})


@pytest.mark.parametrize("key", ["trainer.epochs", "optimizer.learning_rate"])
def test_what_a_training_from_scratch_has_is_refused_by_the_key_that_counts(key: str) -> None:
    with pytest.raises(UsageError, match=f"{key}: .* have compress.{key.partition('.')[2]}"):
        inherited({"seed": 7, "data": DIGITS}, f"{key}=1")


def test_a_run_without_data_needs_them_named() -> None:
    with pytest.raises(UsageError, match="has not recorded what data"):
        inherited({})


def test_a_key_of_some_options_becomes_a_choice_where_the_options_vary() -> None:
    words = ["-m", "compress=prune,int8", "compress.from='ab12'", "compress.epochs=2", "seed=1"]
    assert conditional(words) == [
        *("-m", "compress=prune,int8", "++compress.from='ab12'", "compress.epochs=choice(2)", "seed=1")
    ]
    assert conditional(words[1:]) == words[1:]


def test_an_origin_that_is_older_than_a_key_has_its_default() -> None:
    made = inherited({"seed": 7, "data": DIGITS})
    assert (made.data.folds, made.data.fold) == (None, 0)
    check(made)
