"""Which direction of a metric is better, and what is better."""

from __future__ import annotations

import math

import pytest

from tfmlflow.errors import UsageError
from tfmlflow.trainer import Objective


@pytest.mark.parametrize(
    ("metric", "mode"),
    [
        ("val/loss", "min"),
        ("train/loss", "min"),
        ("val/mae", "min"),
        ("val/rmse", "min"),
        ("val/accuracy", "max"),
        ("val/binary_accuracy", "max"),
        ("val/auc", "max"),
        ("val/f1", "max"),
        ("val/precision", "max"),
        ("train/recall", "max"),
        ("val/r2", "max"),
        ("val/top_3", "max"),
        ("val/mean_iou", "max"),
    ],
)
def test_auto_follows_the_metrics_name(metric: str, mode: str) -> None:
    assert Objective.of(metric).mode == mode


def test_a_direction_that_is_said_is_taken() -> None:
    assert Objective.of("val/accuracy", "min").mode == "min"
    assert Objective.of("val/mine", "max").mode == "max"


@pytest.mark.parametrize(("metric", "mode"), [("val/previous_loss", "min"), ("val/cosine_similarity", "max")])
def test_auto_is_not_misled_by_parts_of_words(metric: str, mode: str) -> None:
    assert Objective.of(metric).mode == mode


def test_names_are_translated_to_keras_names() -> None:
    assert Objective.of("val/accuracy").monitor == "val_accuracy"
    assert Objective.of("train/loss").monitor == "loss"


def test_anything_is_better_than_nothing_and_nothing_is_better_than_itself() -> None:
    for mode in ("min", "max"):
        assert Objective("val/x", mode).better(1.0, None)
        assert not Objective("val/x", mode).better(1.0, 1.0)
    assert Objective("val/x", "min").better(1.0, 2.0)
    assert not Objective("val/x", "max").better(1.0, 2.0)


def test_what_is_no_number_is_never_better() -> None:
    for mode in ("min", "max"):
        assert not Objective("val/x", mode).better(math.nan, None)
        assert not Objective("val/x", mode).better(math.nan, 1.0)


def test_a_metric_that_the_run_does_not_have_is_refused_with_those_it_has() -> None:
    Objective.of("train/loss").require(["loss"])
    with pytest.raises(UsageError, match=r"val/acc: this run has val/loss, val/accuracy, train/loss, train/accuracy"):
        Objective.of("val/acc").require(["loss", "accuracy"])
