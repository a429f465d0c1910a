"""Moving averages of the weights: evaluated on, kept, and without influence on the training."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.trainer.tiny import Memory, clouds, fit, same
from tfmlflow import trainer
from tfmlflow.data.pipeline import Pipeline
from tfmlflow.models import mlp

MOMENTUM = 0.8


def adam() -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=MOMENTUM)


def model() -> keras.Model:
    """With dropout, whose random state an evaluation must not disturb either."""
    keras.utils.set_random_seed(0)
    return mlp.build(clouds(), units=[6], dropout=0.2)


def averages(weights: list[list[Any]]) -> list[Any]:
    """The moving average of weights after each step; it begins with those after the first."""
    average = weights[0]
    for step in weights[1:]:
        average = [MOMENTUM * old + (1 - MOMENTUM) * new for old, new in zip(average, step, strict=True)]
    return average


def test_validation_is_measured_on_the_average() -> None:
    memory, data = Memory(), clouds()
    fit(data, model(), adam(), memory=memory, epochs=3, steps_per_execution=1)
    other = model()
    trainer.compile_model(other, "sgd", data)
    for epoch, logs in enumerate(memory.epochs):
        other.set_weights(averages(memory.weights[: 4 * (epoch + 1)]))
        expected = trainer.evaluate(other, data.validation, 12)
        assert {name: logs[f"val_{name}"] for name in expected} == pytest.approx(expected, rel=1e-4)
        other.set_weights(memory.weights[4 * epoch + 3])
        assert trainer.evaluate(other, data.validation, 12)["loss"] != pytest.approx(expected["loss"], rel=1e-3)


def test_the_training_goes_on_as_if_nothing_had_been_evaluated() -> None:
    data, evaluated, alone = clouds(), Memory(), Memory()
    fit(data, model(), adam(), memory=evaluated, epochs=4, steps_per_execution=1)
    network = model()
    keras.utils.set_random_seed(0)
    trainer.compile_model(network, adam(), data)
    pipeline = Pipeline(data.train, 12, 0)
    network.fit(pipeline.dataset, epochs=4, callbacks=[pipeline, alone], shuffle=False, verbose=0)
    assert len(evaluated.weights) == len(alone.weights) == 16
    assert all(same(first, second) for first, second in zip(evaluated.weights, alone.weights, strict=True))


def test_the_model_ends_with_the_average_of_the_best_epoch() -> None:
    memory, data = Memory(), clouds()
    trained, fitted = fit(data, model(), adam(), memory=memory, epochs=3, steps_per_execution=1)
    assert fitted.best_epoch is not None
    expected = averages(memory.weights[: 4 * fitted.best_epoch])
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(trained.get_weights(), expected, strict=True))
    assert trainer.evaluate(trained, data.validation, 12)["loss"] == pytest.approx(fitted.best["val_loss"], rel=1e-5)


def test_weights_are_not_averaged_unless_asked_for() -> None:
    memory = Memory()
    trained, fitted = fit(clouds(), model(), keras.optimizers.Adam(0.05), memory=memory, steps_per_execution=1)
    assert fitted.best_epoch is not None
    assert same(trained.get_weights(), memory.weights[4 * fitted.best_epoch - 1])
