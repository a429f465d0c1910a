"""Losses against their formulas in NumPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.trainer.tiny import Memory, clouds, fit
from tfmlflow.config import names
from tfmlflow.errors import UsageError
from tfmlflow.models import mlp
from tfmlflow.trainer import Objective, compile_model, evaluate, losses, metrics, require

MULTI, BINARY, REGRESSION = clouds("multiclass"), clouds("binary"), clouds("regression")
Y = np.array([0, 2, 1, 1])
P = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.5, 0.25, 0.25], [0.05, 0.9, 0.05]], np.float32)
HOT = np.eye(3)[Y]
YES = np.array([[1], [0], [1], [0]])
Q = np.array([[0.9], [0.2], [0.4], [0.6]], np.float32)
T = np.array([[1.0], [-2.0], [0.5], [4.0]], np.float32)
G = np.array([[1.5], [-2.0], [3.0], [1.0]], np.float32)


def value(loss: Any, y: Any, p: Any) -> float:
    """The loss of a batch, as Keras computes it after `compile`."""
    function = loss if isinstance(loss, keras.losses.Loss) else lambda y, p: keras.ops.mean(loss(y, p))
    return float(function(keras.ops.convert_to_tensor(y), keras.ops.convert_to_tensor(p)))


def smoothed(labels: np.ndarray[Any, Any], share: float, classes: int) -> np.ndarray[Any, Any]:
    return labels * (1 - share) + share / classes


def test_auto_is_the_usual_loss_of_the_task() -> None:
    assert value(losses.build("auto", MULTI), Y, P) == pytest.approx(-np.log(P[np.arange(4), Y]).mean(), rel=1e-5)
    binary = -(YES * np.log(Q) + (1 - YES) * np.log(1 - Q)).mean()
    assert value(losses.build("auto", BINARY), YES, Q) == pytest.approx(binary, rel=1e-5)
    assert value(losses.build("auto", REGRESSION), T, G) == pytest.approx(np.square(T - G).mean(), rel=1e-5)


def test_categorical_crossentropy_takes_class_indices() -> None:
    expected = -np.log(P[np.arange(4), Y]).mean()
    for name in ("categorical_crossentropy", "sparse_categorical_crossentropy"):
        assert value(losses.build(name, MULTI), Y, P) == pytest.approx(expected, rel=1e-5)


def test_label_smoothing_spreads_its_share_over_all_classes() -> None:
    multi = -(smoothed(HOT, 0.3, 3) * np.log(P)).sum(axis=1).mean()
    assert value(losses.build("auto", MULTI, 0.3), Y, P) == pytest.approx(multi, rel=1e-5)
    labels = smoothed(YES, 0.3, 2)
    binary = -(labels * np.log(Q) + (1 - labels) * np.log(1 - Q)).mean()
    assert value(losses.build("auto", BINARY, 0.3), YES, Q) == pytest.approx(binary, rel=1e-5)


@pytest.mark.parametrize("loss", ["huber", "mse"])
def test_label_smoothing_is_refused_where_there_is_none(loss: str) -> None:
    with pytest.raises(UsageError, match=rf"label_smoothing=0\.1: only for cross-entropies, not for {loss}"):
        losses.build(loss, MULTI, 0.1)
    with pytest.raises(UsageError, match="not for mean_squared_error"):
        losses.build("auto", REGRESSION, 0.1)


def test_hinge_compares_the_right_class_with_the_best_wrong_one() -> None:
    wrong = np.where(HOT == 1, 0, P).max(axis=1)
    expected = np.maximum(0, wrong - P[np.arange(4), Y] + 1).mean()
    assert value(losses.build("hinge", MULTI), Y, P) == pytest.approx(expected, rel=1e-5)
    binary = np.maximum(0, 1 - (2 * YES - 1) * Q).mean()
    assert value(losses.build("hinge", BINARY), YES, Q) == pytest.approx(binary, rel=1e-5)


def test_huber_is_square_near_and_straight_far() -> None:
    error = np.abs(T - G)
    expected = np.where(error <= 1, error**2 / 2, error - 0.5).mean()
    assert value(losses.build("huber", REGRESSION), T, G) == pytest.approx(expected, rel=1e-5)
    near = (np.square(HOT - P) / 2).mean()
    assert value(losses.build("huber", MULTI), Y, P) == pytest.approx(near, rel=1e-5)


@pytest.mark.parametrize("name", ["mae", "mean_absolute_error", "MeanAbsoluteError"])
def test_keras_names_in_any_spelling_are_taken(name: str) -> None:
    assert value(losses.build(name, REGRESSION), T, G) == pytest.approx(np.abs(T - G).mean(), rel=1e-5)
    assert value(losses.build(name, MULTI), Y, P) == pytest.approx(np.abs(HOT - P).mean(), rel=1e-5)


def test_a_loss_object_is_taken_as_it_is() -> None:
    loss = keras.losses.Huber(delta=2.0)
    assert losses.build(loss, REGRESSION) is loss


def test_the_config_knows_the_names_of_keras() -> None:
    known = {*names.LOSSES.split(), *names.LOSS_CLASSES.split()}
    ours = {"Loss", "LossFunctionWrapper"}
    assert known == set(keras.src.losses.ALL_OBJECTS_DICT) - ours
    assert {name for data in (MULTI, BINARY, REGRESSION) for name in metrics.names_for(data)} == {
        name for name in names.METRICS.split() if name not in ("top_3", "top_5", "top_10")
    } | {f"top_{k}" for k in (2, 3, 5, 10) if k < MULTI.classes}


@pytest.mark.parametrize("data", [MULTI, BINARY, REGRESSION], ids=["multiclass", "binary", "regression"])
def test_an_unknown_loss_is_refused_with_what_there_is(data: Any) -> None:
    with pytest.raises(UsageError, match=r"trainer\.loss=hubert: Keras knows no such loss; use auto, mse, mae, huber"):
        losses.build("hubert", data)


@pytest.mark.parametrize("name", ["categorical_crossentropyy", "crossentropy"])
def test_an_unknown_crossentropy_is_refused_too(name: str) -> None:
    with pytest.raises(UsageError):
        losses.build(name, MULTI)


@pytest.mark.parametrize(
    "name", ["categorical_crossentropy", "sparse_categorical_crossentropy", "CategoricalFocalCrossentropy"]
)
def test_a_loss_of_several_outputs_is_refused_where_there_is_one(name: str) -> None:
    with pytest.raises(UsageError, match=rf"trainer\.loss={name}: compares .* use auto or binary_crossentropy"):
        require(BINARY, Objective.of("val/loss"), loss=name)


def test_focal_crossentropy_is_focal() -> None:
    p = P[np.arange(4), Y]
    expected = (-0.25 * (1 - p) ** 2 * np.log(p)).mean()
    assert value(losses.build("categorical_focal_crossentropy", MULTI), Y, P) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "data", "y", "p"),
    [("binary_crossentropy", MULTI, Y, P), ("binary_focal_crossentropy", BINARY, YES, Q)],
)
def test_label_smoothing_works_or_is_refused(name: str, data: Any, y: Any, p: Any) -> None:
    try:
        smooth = losses.build(name, data, 0.3)
    except UsageError:
        return
    assert value(smooth, y, p) != pytest.approx(value(losses.build(name, data), y, p))


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "hinge", "mse", "kl_divergence"])
def test_a_model_learns_under_each_loss(loss: str) -> None:
    memory = Memory()
    fit(clouds(noise=0.3), memory=memory, loss=loss, epochs=4)
    assert memory.epochs[-1]["val_loss"] < memory.epochs[0]["val_loss"]


def test_a_model_saved_with_its_loss_evaluates_the_same_when_loaded(tmp_path: Any) -> None:
    model = mlp.build(MULTI, units=[3])
    compile_model(model, "sgd", MULTI, label_smoothing=0.2)
    expected = evaluate(model, MULTI.test, 16)
    model.save(tmp_path / "m.keras")
    assert evaluate(keras.models.load_model(tmp_path / "m.keras"), MULTI.test, 16) == pytest.approx(expected)
