"""A range test finds the rate at which the loss falls, whoever takes the steps, and leaves no best epoch."""

from __future__ import annotations

import io
import math
from typing import Any

import keras
import numpy as np
import pytest
from rich.console import Console

from tests.trainer.tiny import clouds, fit
from tfmlflow import trainer
from tfmlflow.errors import UsageError
from tfmlflow.trainer.range_test.suggestion import suggested
from tfmlflow.trainer.steps.step import gradient_step

PARTS = ("model", "optimizer", "data", "runtime", "pipeline", "objective", "batch_size")
NAMES = (*PARTS, "callbacks", "tracking", "console")
RATES = np.geomspace(1e-7, 10, 200).tolist()


class Mine(keras.Model):
    """A step of its own, which tells a mean since the epoch began, as Keras's examples do."""

    def __init__(self) -> None:
        super().__init__()
        self.dense, self.mean = keras.layers.Dense(3, activation="softmax"), keras.metrics.Mean(name="loss")

    def call(self, x: Any) -> Any:
        return self.dense(x)

    @property
    def metrics(self) -> list[Any]:
        return [self.mean]

    def train_step(self, data: Any) -> dict[str, Any]:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(data[1], self(data[0])))
        weights = self.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        self.mean.update_state(loss)
        return {"loss": self.mean.result()}


class Spy:
    """The session of a tracking callback, as far as a range test speaks to it."""

    def __init__(self, folder: Any) -> None:
        self.staging, self.said, self.files, self.texts = folder, {}, [], {}

    def tags(self, tags: dict[str, str]) -> None:
        self.said |= tags

    def metrics(self, values: dict[str, float], step: int) -> None:
        self.said |= values

    def text(self, name: str, content: str, folder: str, mask: bool) -> None:
        self.texts[name] = content

    def artifact(self, file: Any, folder: str) -> None:
        self.files.append(file)


class Tracking(keras.callbacks.Callback):
    """Holds a session."""

    def __init__(self, session: Spy) -> None:
        super().__init__()
        self.session = session


def ranged(model: Any = None, by: str = "loop", task: Any = "multiclass", **how: Any) -> tuple[Any, Any, str]:
    told = io.StringIO()
    options: dict[str, Any] = {"start": 1e-5, "end": 100.0, "steps": 60} | how
    model, fitted = fit(
        clouds(task, examples=200),
        model,
        train=lambda *parts, **named: trainer.lr_range(**dict(zip(NAMES, parts, strict=True)), **named),
        console=Console(file=told, width=200),
        by=by,
        **options,
    )
    return model, fitted, told.getvalue()


def test_fit_and_the_loop_suggest_the_same_rate_and_no_epoch_is_the_best() -> None:
    (_, fitted, told), (_, _, by_keras) = ranged(), ranged(by="fit")
    assert told == by_keras
    assert fitted.best_epoch is None
    assert fitted.reason == "completed"
    assert not fitted.best
    assert 1e-3 < float(told.split("optimizer.learning_rate=")[1]) < 3
    assert not any(name.startswith("val_") for name in fitted.last)


def test_a_regression() -> None:
    assert "next: trainer=loop optimizer.learning_rate=" in ranged(task="regression", batch_size=60, steps=120)[2]


@pytest.mark.parametrize("name", ["SGD", "Adadelta", "Lion"])
def test_every_optimizer_takes_a_rate(name: str) -> None:
    optimizer = getattr(keras.optimizers, name)(0.05)
    assert "range test: learning rates from 1e-05" in ranged(optimizer=optimizer, steps=20)[2]


def own_step(model: Any, data: Any) -> dict[str, Any]:
    gradient_step(model, data)
    return {"loss": model.metrics[0].result()}


@pytest.mark.parametrize("by", ["loop", "fit"])
def test_a_model_with_a_step_of_its_own(by: str) -> None:
    assert "next: trainer=loop" in ranged(Mine(), by=by)[2]


def test_a_step_of_ones_own() -> None:
    assert "next: trainer=loop" in ranged(step=own_step)[2]


def test_mixed_precision() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        _, _, told = ranged()
    finally:
        keras.config.set_dtype_policy("float32")
    assert "next: trainer=loop" in told


def test_what_was_found_is_in_the_run(tmp_path: Any) -> None:
    spy = Spy(tmp_path)
    told = io.StringIO()
    from tests.trainer.tiny import CPU
    from tfmlflow.data.pipeline import Pipeline
    from tfmlflow.models import mlp

    keras.utils.set_random_seed(0)
    data = clouds(examples=200)
    trainer.lr_range(
        model=mlp.build(data, units=[6]),
        optimizer=keras.optimizers.Adam(0.05),
        data=data,
        runtime=CPU,
        pipeline=Pipeline(data.train, 12, 0),
        objective=trainer.Objective.of("train/loss", "auto"),
        batch_size=12,
        tracking=[Tracking(spy)],
        console=Console(file=told),
        epochs=3,
        start=1e-5,
        end=100.0,
        steps=60,
    )
    assert "next: trainer=loop optimizer.learning_rate=" in spy.said["tfmlflow.lr_range"]
    assert f"{spy.said['lr_range/suggestion']:g}" in spy.said["tfmlflow.lr_range"]
    assert spy.files[0].stat().st_size > 10_000
    rows = spy.texts["lr_range.csv"].splitlines()
    rates = [float(row.split(",")[1]) for row in rows[1:]]
    assert rates[0] == pytest.approx(1e-5)
    assert np.allclose(np.diff(np.log(rates)), np.log(1e7) / 59, rtol=1e-4)


def test_the_steepest_fall_is_found_and_an_explosion_does_not_hide_it() -> None:
    logs = np.log10(RATES)
    losses = 1 + 1.3 / (1 + np.exp(4 * (logs + 3))) + np.random.default_rng(0).normal(0, 0.02, 200)
    losses[logs > -1] = 1e6 ** (logs[logs > -1] + 1) + 1
    found = suggested(RATES, losses.tolist())
    assert found.steepest is not None
    assert found.lowest is not None
    assert 10**-3.4 < found.steepest < 10**-2.6
    assert found.steepest < found.lowest < 0.2


@pytest.mark.parametrize(
    ("losses", "why"),
    [
        (np.full(200, 2.3) + np.random.default_rng(1).normal(0, 0.1, 200), "falls nowhere"),
        (np.linspace(1, 3, 200), "falls nowhere"),
        (np.array([math.nan] * 200), "a number for 0 steps"),
    ],
)
def test_there_is_no_suggestion_where_nothing_falls(losses: Any, why: str) -> None:
    found = suggested(RATES, losses.tolist())
    assert found.steepest is None
    assert why in found.why


def test_a_rate_that_cannot_be_set_is_said() -> None:
    scheduled = keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10))
    with pytest.raises(UsageError, match="trainer=lr_range: the learning rate of SGD cannot be set"):
        ranged(optimizer=scheduled)
