"""Mixed precision: fast inside, float32 where it matters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest

from tests.models.kinds import data as kind
from tests.trainer.tiny import Memory, clouds, fit
from tfmlflow import trainer
from tfmlflow.models import cnn, mlp, recurrent, resnet


@pytest.fixture(params=["mixed_bfloat16", "mixed_float16"])
def precision(request: pytest.FixtureRequest) -> Iterator[str]:
    """A dtype policy, for this test alone."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("build", [mlp.build, cnn.build, resnet.build, recurrent.gru])
def test_outputs_and_weights_are_float32_and_the_layers_between_are_not(precision: str, build: Any) -> None:
    model = build(kind("image"))
    assert model.output.dtype == "float32"
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    logits = model.get_layer("logits")
    assert logits.compute_dtype == logits.output.dtype == precision.removeprefix("mixed_")


def test_a_model_learns_and_predicts_float32(precision: str) -> None:
    data, memory = clouds(noise=0.3), Memory()
    model, fitted = fit(data, memory=memory, epochs=4)
    assert fitted.reason == "completed"
    assert memory.epochs[-1]["val_loss"] < 0.7 * memory.epochs[0]["val_loss"]
    predictions = model.predict(data.test.x, verbose=0)
    assert predictions.dtype == np.float32
    assert np.allclose(predictions.sum(axis=1), 1.0, atol=1e-5)
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (precision == "mixed_float16")


def test_averages_schedules_and_best_weights_work_with_it(precision: str) -> None:
    data, memory = clouds(), Memory()
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.04 / 2**epoch)
    optimizer = keras.optimizers.Adam(0.04, use_ema=True, ema_momentum=0.5)
    model, fitted = fit(data, optimizer=optimizer, memory=memory, callbacks=[halve], epochs=3)
    assert memory.rates == pytest.approx([0.04, 0.02, 0.01])
    evaluated = trainer.evaluate(model, data.validation, 12)
    assert evaluated["loss"] == pytest.approx(fitted.best["val_loss"], rel=1e-4)
