"""Metrics by name of a model that gives logits, as its loss says."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score

from tfmlflow.data.record import Data
from tfmlflow.data.splits import from_arrays
from tfmlflow.trainer.compiling import compile_model

RNG = np.random.default_rng(0)


def data(task: Any, classes: int) -> Data:
    x = RNG.normal(size=(400, 4)).astype("float32")
    y = np.argmax(x[:, :classes] + RNG.normal(size=(400, classes)), axis=1) if classes > 2 else x[:, 0] > 0.3
    return from_arrays("d", x, y.astype("int64"), test=(x, y.astype("int64")), task=task, validation_share=0.1, seed=0)


def asked(made: Data, width: int, loss: Any, names: list[str]) -> tuple[dict[str, float], Any]:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(width)])
    compile_model(model, "sgd", made, loss, names)
    logits = model.predict(made.test.x, verbose=0)
    return model.evaluate(made.test.x, made.test.y, verbose=0, return_dict=True), logits


def test_of_two_classes_the_middle_is_zero() -> None:
    made = data("binary", 2)
    names = ["accuracy", "auc", "precision", "recall", "f1"]
    found, logits = asked(made, 1, keras.losses.BinaryCrossentropy(from_logits=True), names)
    truth, guess = made.test.y.ravel().astype(int), logits.ravel() > 0
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, guess))
    assert found["precision"] == pytest.approx(precision_score(truth, guess))
    assert found["recall"] == pytest.approx(recall_score(truth, guess))
    assert found["f1"] == pytest.approx(f1_score(truth, guess))
    assert found["auc"] == pytest.approx(roc_auc_score(truth, logits.ravel()), abs=0.01)


def test_of_several_classes_the_area_is_that_of_their_probabilities() -> None:
    made = data("multiclass", 3)
    found, logits = asked(made, 3, keras.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy", "auc"])
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = roc_auc_score(made.test.y, probabilities, multi_class="ovr", average="macro")
    assert found["auc"] == pytest.approx(expected, abs=0.01)
    assert found["accuracy"] == pytest.approx(accuracy_score(made.test.y, logits.argmax(axis=1)))
