"""What an evaluation takes from the run of its model."""

from __future__ import annotations

from typing import Any

from tfmlflow.command.compose import compose
from tfmlflow.config.evaluated import as_trained

DIGITS = {"name": "digits", "seed": "${seed}", "test_share": 0.3, "folds": None, "fold": 0, "batch_size": 8}


def taken(settings: dict[str, Any], *words: str) -> tuple[Any, list[str]]:
    made, changed, _ = as_trained(compose(words), settings, words)
    return made, changed


def test_seed_and_split_are_those_of_the_training() -> None:
    made, said = taken({"seed": 7, "data": DIGITS}, "data=digits")
    assert (made.data.seed, made.data.test_share, made.data.batch_size) == (7, 0.3, 64)
    assert said == ["seed=7", "data.test_share=0.3"]


def test_what_is_typed_goes_before() -> None:
    words = ("data=digits", "seed=1", "data.test_share=0.5")
    made, said = taken({"seed": 7, "data": DIGITS}, *words)
    assert (made.data.seed, made.data.test_share, said) == (1, 0.5, [])
    others = as_trained(compose(words), {"seed": 7, "data": DIGITS}, words)[2]
    assert others == ["seed=1 (there 7)", "data.test_share=0.5 (there 0.3)"]


def test_of_other_data_nothing_is_taken_but_loss_and_metrics() -> None:
    trainer = {"loss": "mae", "metrics": ["mse"], "label_smoothing": 0.1}
    made, said = taken({"seed": 0, "data": DIGITS | {"name": "csv"}, "trainer": trainer}, "data=digits")
    assert (made.data.test_share, made.trainer.loss, list(made.trainer.metrics)) == (0.2, "mae", ["mse"])
    assert said == []


def test_nothing_that_is_called_or_looked_up_is_taken() -> None:
    hostile = {"loss": {"_target_": "os.system"}, "metrics": ["${oc.env:HOME}"]}
    made, _ = taken({"data": DIGITS | {"test_share": "${oc.env:HOME}"}, "trainer": hostile}, "data=digits")
    assert (made.trainer.loss, made.trainer.metrics, made.data.test_share) == ("auto", "auto", 0.2)
    assert taken({}, "data=digits")[1] == []
