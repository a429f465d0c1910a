"""Metrics against scikit-learn and NumPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import sklearn.metrics

from tests.trainer.tiny import clouds, fit
from tfmlflow.data import Data
from tfmlflow.data.splits import from_arrays
from tfmlflow.errors import UsageError
from tfmlflow.models import mlp
from tfmlflow.trainer import compile_model, evaluate, metrics

EXAMPLES, CLASSES = 300, 5
RNG = np.random.default_rng(0)
Y = RNG.choice(CLASSES, EXAMPLES, p=[0.4, 0.3, 0.15, 0.1, 0.05])
SCORES = RNG.random((EXAMPLES, CLASSES)) + 0.7 * np.eye(CLASSES)[Y]
P = (SCORES / SCORES.sum(axis=1, keepdims=True)).astype(np.float32)
GUESS = P.argmax(axis=1)
YES = RNG.integers(0, 2, EXAMPLES)
Q = np.clip(0.3 * YES + 0.7 * RNG.random(EXAMPLES), 0, 1).astype(np.float32)
T = RNG.normal(10, 3, EXAMPLES).astype(np.float32)
G = (T + RNG.normal(0, 1, EXAMPLES)).astype(np.float32)


def of_task(task: Any) -> Data:
    y = {"multiclass": Y, "binary": YES, "regression": T}[task]
    return from_arrays("x", np.zeros((EXAMPLES, 1)), y, task=task)


def measured(task: Any, name: str, weight: Any = None) -> float:
    """A metric that saw the examples in uneven batches."""
    (metric,) = metrics.build([name], of_task(task))
    assert metric.name == name
    y, p = {
        "multiclass": (Y.astype(np.int32), P),
        "binary": (YES.reshape(-1, 1), Q.reshape(-1, 1)),
        "regression": (T.reshape(-1, 1), G.reshape(-1, 1)),
    }[task]
    metric.update_state(np.roll(y, 1, axis=0), p)
    metric.reset_state()
    for rows in np.array_split(np.arange(EXAMPLES), [7, 100, 101]):
        batch = [keras.ops.convert_to_tensor(array[rows]) for array in (y, p)]
        metric.update_state(*batch, sample_weight=None if weight is None else weight[rows])
    return float(metric.result())


@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_counts_of_several_classes_are_means_over_the_classes(name: str) -> None:
    function = getattr(sklearn.metrics, f"{name}_score")
    assert measured("multiclass", name) == pytest.approx(function(Y, GUESS, average="macro"), abs=1e-6)


@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_counts_of_two_classes_are_the_positive_classs(name: str) -> None:
    function = getattr(sklearn.metrics, f"{name}_score")
    assert measured("binary", name) == pytest.approx(function(YES, Q > 0.5), abs=1e-6)


@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_counts_respect_the_weights_of_examples(name: str) -> None:
    weight = RNG.random(EXAMPLES).astype(np.float32)
    function = getattr(sklearn.metrics, f"{name}_score")
    expected = function(Y, GUESS, average="macro", sample_weight=weight)
    assert measured("multiclass", name, weight) == pytest.approx(expected, abs=1e-5)


def test_a_class_that_is_never_predicted_counts_as_zero() -> None:
    (metric,) = metrics.build(["precision"], of_task("multiclass"))
    metric.update_state(np.array([0, 1]), np.eye(5, dtype=np.float32)[[0, 0]])
    assert float(metric.result()) == pytest.approx(0.5 / 5)


def test_accuracy_is_the_share_of_right_guesses() -> None:
    assert measured("multiclass", "accuracy") == pytest.approx((GUESS == Y).mean())
    assert measured("binary", "accuracy") == pytest.approx(((Q > 0.5) == YES).mean())


@pytest.mark.parametrize("k", [2, 3])
def test_top_k_is_the_share_of_labels_among_the_k_likeliest(k: int) -> None:
    expected = sklearn.metrics.top_k_accuracy_score(Y, P, k=k)
    assert measured("multiclass", f"top_{k}") == pytest.approx(expected)


def test_auc_is_the_area_under_the_roc_curve_up_to_its_200_thresholds() -> None:
    assert measured("binary", "auc") == pytest.approx(sklearn.metrics.roc_auc_score(YES, Q), abs=0.005)
    several = sklearn.metrics.roc_auc_score(np.eye(CLASSES)[Y], P, average="macro")
    assert measured("multiclass", "auc") == pytest.approx(several, abs=0.005)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mse", np.square(T - G).mean()),
        ("rmse", np.sqrt(np.square(T - G).mean())),
        ("mae", np.abs(T - G).mean()),
        ("mape", 100 * (np.abs(T - G) / np.abs(T)).mean()),
        ("r2", sklearn.metrics.r2_score(T, G)),
    ],
)
def test_metrics_of_a_regression_are_their_formulas(name: str, expected: float) -> None:
    assert measured("regression", name) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("task", "names"),
    [("multiclass", ["accuracy"]), ("binary", ["accuracy", "auc"]), ("regression", ["mae", "rmse", "r2"])],
)
def test_auto_gives_the_usual_metrics_of_the_task(task: Any, names: list[str]) -> None:
    assert [metric.name for metric in metrics.build("auto", of_task(task))] == names


@pytest.mark.parametrize(
    ("task", "name", "allowed"),
    [
        ("multiclass", "r2", "accuracy, auc, top_2, top_3, precision, recall, f1"),
        ("multiclass", "top_5", "accuracy, auc, top_2, top_3"),
        ("binary", "top_2", "accuracy, auc, precision, recall, f1"),
        ("regression", "accuracy", "mse, mae, rmse, mape, r2"),
    ],
)
def test_a_metric_that_does_not_fit_the_task_is_refused_with_those_that_do(task: Any, name: str, allowed: str) -> None:
    with pytest.raises(UsageError, match=rf"trainer\.metrics={name}: for data=x \({task}\) choose from {allowed}"):
        metrics.build([name], of_task(task))


def test_metric_objects_are_taken_as_they_are() -> None:
    mine = keras.metrics.SparseCategoricalCrossentropy(name="mine")
    assert metrics.build([mine, "f1"], of_task("multiclass"))[0] is mine


@pytest.mark.parametrize("task", ["multiclass", "binary", "regression"])
def test_every_metric_of_a_task_can_be_trained_with(task: Any) -> None:
    data = clouds(task)
    names = list(metrics.names_for(data))
    model, fitted = fit(data, metrics=names, epochs=1)
    assert set(fitted.best) == {"loss", "val_loss", *names, *(f"val_{name}" for name in names)}
    assert all(np.isfinite(value) for value in fitted.best.values())
    y, p = data.test.y.ravel(), model.predict(data.test.x, verbose=0)
    found = evaluate(model, data.test, 5)
    if task == "regression":
        assert found["r2"] == pytest.approx(sklearn.metrics.r2_score(y, p), rel=1e-3)
    else:
        guess = p.argmax(axis=1) if task == "multiclass" else p.ravel() > 0.5
        average = "macro" if task == "multiclass" else "binary"
        expected = sklearn.metrics.f1_score(y, guess, average=average, zero_division=0)
        assert found["f1"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["f1", "auc"])
def test_a_model_saved_with_its_metrics_can_be_loaded(name: str, tmp_path: Any) -> None:
    data = clouds()
    model = mlp.build(data, units=[3])
    compile_model(model, "sgd", data, chosen_metrics=[name])
    expected = evaluate(model, data.test, 16)
    model.save(tmp_path / "m.keras")
    assert evaluate(keras.models.load_model(tmp_path / "m.keras"), data.test, 16) == pytest.approx(expected)
