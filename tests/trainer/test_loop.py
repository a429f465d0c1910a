"""`trainer=loop`: the same training as `fit`, bit for bit, and steps of one's own."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from omegaconf import OmegaConf

from tests.conftest import ROOT
from tests.trainer.tiny import Memory, clouds, fit, same
from tfmlflow import trainer
from tfmlflow.data.augment import geometric
from tfmlflow.data.pipeline import Pipeline
from tfmlflow.models import mlp
from tfmlflow.trainer.steps.watch import UNMEASURED


def both(data: Any = None, make: Any = None, optimizer: Any = None, callbacks: Any = None, **settings: Any) -> Any:
    """(memory, model, how it ended) of `fit`, and of `loop`, with dropout."""
    data, results = data or clouds(), []
    for train in (trainer.fit, trainer.loop):
        memory = Memory()
        keras.utils.set_random_seed(1)
        model = make() if make else mlp.build(data, units=[6], dropout=0.2)
        chosen = optimizer() if optimizer else None
        steering = callbacks() if callbacks else ()
        results.append((memory, *fit(data, model, chosen, callbacks=steering, memory=memory, train=train, **settings)))
    return results


def equal(first: Any, second: Any) -> bool:
    """Whether weights after every group, losses and epochs are the same, bit for bit."""
    (memory, model, fitted), (other_memory, other_model, other_fitted) = first, second
    assert len(memory.losses) == len(other_memory.losses)
    assert memory.losses == other_memory.losses
    assert memory.epochs == other_memory.epochs
    assert (fitted.reason, fitted.epochs, fitted.best_epoch) == (
        other_fitted.reason,
        other_fitted.epochs,
        other_fitted.best_epoch,
    )
    assert fitted.best == other_fitted.best
    return all(map(same, memory.weights, other_memory.weights)) and same(model.get_weights(), other_model.get_weights())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"steps_per_execution": 1},
        {"steps_per_execution": 3},
        {"jit_compile": True},
        {"class_weight": {"a": 3.0, "b": 0.5}, "metrics": ["accuracy", "f1", "auc"], "label_smoothing": 0.1},
        {"epochs": 9, "early_stopping": {"patience": 1, "min_delta": 0.2}},
    ],
    ids=str,
)
def test_it_is_the_same_training_as_fit(settings: dict[str, Any]) -> None:
    assert equal(*both(**settings))


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True, clipnorm=0.3),
        lambda: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.05, 9), use_ema=True, ema_momentum=0.8),
        lambda: keras.optimizers.AdamW(0.05, gradient_accumulation_steps=3, global_clipnorm=0.1),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.05), initial_scale=2.0**5),
    ],
    ids=["clipping", "averages, schedule", "accumulation", "loss scale"],
)
def test_whatever_the_optimizer_does(optimizer: Any) -> None:
    assert equal(*both(optimizer=optimizer))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_of_every_task(task: Any) -> None:
    assert equal(*both(clouds(task), class_weight=None if task == "regression" else {"yes": 4.0}))


def test_plateaus_are_met_alike() -> None:
    plateau = lambda: [keras.callbacks.ReduceLROnPlateau("val_loss", 0.1, patience=1, min_delta=0.3)]  # noqa: E731
    first, second = both(callbacks=plateau, epochs=5)
    assert equal(first, second)
    assert second[0].rates[-1] < second[0].rates[0]


def test_augmented_batches_are_the_same() -> None:
    def noise(x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return x + tf.random.stateless_normal(tf.shape(x), tf.cast(seed, tf.int32))

    assert equal(*both(augment=noise))
    assert not np.array_equal(both(augment=noise)[1][0].losses, both()[1][0].losses)


def test_mixed_batches_are_the_same() -> None:
    assert equal(*both(augment=geometric(mixup=0.4), label_smoothing=0.1))


@pytest.mark.parametrize("task", ["multiclass", "binary"])
def test_classes_of_mixed_batches_weigh_alike(task: Any) -> None:
    assert equal(*both(clouds(task), augment=geometric(mixup=0.4), class_weight="balanced"))


def test_a_loss_that_is_no_number_ends_it() -> None:
    first, second = both(optimizer=lambda: keras.optimizers.SGD(1e30))
    assert first[2].reason == second[2].reason == "nan"
    assert first[2].epochs == second[2].epochs == 1


def test_mixed_precision_is_scaled_alike() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        assert equal(*both(optimizer=lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.05))))
    finally:
        keras.config.set_dtype_policy(before)


class Told(Memory):
    """Hears the numbers of each step."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: dict[str, list[float]] = {}

    def on_steps(self, batch: int, numbers: Any) -> None:
        for name, values in numbers.items():
            self.steps.setdefault(name, []).extend(float(value) for value in values)


def test_gradients_are_measured_now_and_then_and_change_nothing() -> None:
    """One layer without bias, loss known: the gradient's norm by NumPy."""
    data, told, plain = clouds(), Told(), Memory()
    step = functools.partial(trainer.gradient_step, watch=3)
    fit(data, memory=told, train=trainer.loop, step=step)
    fit(data, memory=plain, train=trainer.loop)
    assert told.losses == plain.losses
    assert all(map(same, told.weights, plain.weights))
    kinds = {name.split("/")[0] for name in told.steps}
    assert kinds == {"loss", "gradient_norm", "update_ratio", "zeros"}
    measured = [value != UNMEASURED for value in told.steps[next(n for n in told.steps if n.startswith("gradient"))]]
    assert measured == [(number + 1) % 3 == 0 for number in range(12)]
    for name, values in told.steps.items():
        known = [value for value in values if value != UNMEASURED]
        assert min(known) >= 0, name
        assert max(known) <= 1 or not name.startswith("zeros"), name


def test_what_is_measured_is_what_numpy_says() -> None:
    data, told = clouds("regression"), Told()
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(0.5))]
    )
    keras.utils.set_random_seed(0)
    pipeline = Pipeline(data.train, 48, 0)
    x, y = (np.asarray(part) for part in next(iter(pipeline.dataset)))
    before = model.get_weights()[0]
    gradient = 2 * x.T @ (x @ before - y) / len(x)
    step = functools.partial(trainer.gradient_step, watch=1)
    fit(data, model, keras.optimizers.SGD(0.1), memory=told, batch_size=48, epochs=1, train=trainer.loop, step=step)
    (norm,) = next(values for name, values in told.steps.items() if name.startswith("gradient_norm"))
    (ratio,) = next(values for name, values in told.steps.items() if name.startswith("update_ratio"))
    assert norm == pytest.approx(np.linalg.norm(gradient), rel=1e-4)
    assert ratio == pytest.approx(0.1 * np.linalg.norm(gradient) / np.linalg.norm(before), rel=1e-4)


def gradient_norms(optimizer: keras.optimizers.Optimizer, watch: int = 2) -> list[float]:
    """Of one layer, in every step of two epochs."""
    told = Told()
    step = functools.partial(trainer.gradient_step, watch=watch)
    fit(clouds(), None, optimizer, memory=told, train=trainer.loop, step=step, epochs=2)
    return next(said for name, said in told.steps.items() if name.startswith("gradient_norm") and "logits" in name)


def test_gradients_are_measured_while_they_accumulate() -> None:
    norms = gradient_norms(keras.optimizers.SGD(0.1, gradient_accumulation_steps=3))
    assert [norm != UNMEASURED for norm in norms] == [False, True] * 4


@pytest.mark.parametrize(
    "scaled",
    [
        lambda: keras.optimizers.SGD(0.1, loss_scale_factor=1024.0),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), 1024.0, dynamic_growth_steps=3),
    ],
    ids=["fixed", "dynamic"],
)
def test_gradients_are_measured_as_if_the_loss_were_not_scaled(scaled: Any) -> None:
    assert gradient_norms(scaled(), 1) == pytest.approx(gradient_norms(keras.optimizers.SGD(0.1), 1), rel=1e-4)


class Twice(keras.Model):
    """Has a step of its own, and a number of its own to tell."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(3, activation="softmax")

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def train_step(self, data: Any) -> Any:
        self.metrics[0].update_state(0.0)
        return {**super().train_step(data), "size": tf.shape(data[0])[0]}


def test_a_class_with_a_step_of_its_own_has_it_here_too() -> None:
    first, second = both(make=Twice)
    assert equal(first, second)
    assert second[0].epochs[-1]["size"] == 12


def test_that_such_a_step_is_not_measured_is_said(caplog: pytest.LogCaptureFixture) -> None:
    step = functools.partial(trainer.gradient_step, watch=3)
    fit(clouds(), Twice(), train=trainer.loop, step=step, epochs=1)
    assert "trainer.step.watch=3: Twice has a train_step of its own, whose gradients are not measured" in caplog.text


class Codes(keras.Model):
    """Learns to give its input back; neither the compiled loss nor the labels fit its outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(8)
        self.mean = keras.metrics.Mean(name="distance")

    @property
    def metrics(self) -> list[Any]:
        return [self.mean]

    def call(self, x: Any) -> Any:
        return tf.reshape(self.dense(x), (-1, 4, 2))

    def train_step(self, data: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self(data[0])[..., 0] - data[0]))
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        self.mean.update_state(loss)
        return {"loss": loss, "distance": self.mean.result()}

    def test_step(self, data: Any) -> Any:
        return {"loss": tf.reduce_mean(tf.square(self(data[0])[..., 0] - data[0]))}


def test_a_class_that_has_no_use_for_labels_learns_as_under_fit() -> None:
    first, second = both(make=Codes)
    assert first[0].epochs == second[0].epochs
    assert same(first[1].get_weights(), second[1].get_weights())
    assert second[0].epochs[-1]["distance"] < second[0].epochs[0]["distance"]


class Hears(keras.Sequential):
    """Has a `fit` of its own."""

    def fit(self, *given: Any, **named: Any) -> Any:
        self.heard = True
        return super().fit(*given, **named)


def test_a_fit_of_the_model_s_own_is_what_trains_it(caplog: pytest.LogCaptureFixture) -> None:
    model = Hears([keras.layers.Dense(3, activation="softmax")])
    fit(clouds(), model, train=trainer.loop, epochs=1)
    assert model.heard
    assert "Hears has a fit of its own, which trains it in place of trainer=loop" in caplog.text


def squared(model: keras.Model, data: Any, factor: float = 1.0) -> dict[str, Any]:
    """Neither the compiled loss nor a metric is touched, but for the accuracy."""
    x, y = data
    with tf.GradientTape() as tape:
        predicted = model(x, training=True)
        loss = factor * tf.reduce_mean(tf.square(predicted - tf.one_hot(y, 3)))
    model.optimizer.apply(tape.gradient(loss, model.trainable_weights), model.trainable_weights)
    return {"loss": loss, "examples": tf.shape(x)[0]}


def test_what_an_own_step_tells_is_an_epoch_s_mean_and_metrics_that_it_leaves_alone_are_not_told() -> None:
    memory = Memory()
    data = clouds(examples=90)  # 54 to train on: steps of 12, 12, 12, 12 and 6
    fit(data, memory=memory, train=trainer.loop, step=squared, steps_per_execution=1, epochs=2)
    assert memory.epochs[0]["examples"] == pytest.approx(54 / 5)
    assert memory.epochs[1]["loss"] < memory.epochs[0]["loss"] < 0.5
    assert "accuracy" not in memory.epochs[0]
    assert memory.epochs[0]["val_accuracy"] > 0


def test_metrics_that_an_own_step_keeps_are_the_model_s() -> None:
    def step(model: keras.Model, data: Any) -> Any:
        said = squared(model, data)
        return {**said, **model.compute_metrics(data[0], data[1], model(data[0]))}

    memory = Memory()
    fit(clouds(), memory=memory, train=trainer.loop, step=step)
    assert set(memory.epochs[0]) == {"loss", "examples", "accuracy", "val_loss", "val_accuracy"}
    assert (memory.epochs[0]["accuracy"] * 48) % 1 == pytest.approx(0, abs=1e-4)  # of 48 examples, no mean of means


def test_the_option_file_has_the_settings_of_fit() -> None:
    fits, loops = (
        dict(OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / "trainer" / f"{name}.yaml")))  # type: ignore[arg-type]
        for name in ("fit", "loop")
    )
    assert {key: value for key, value in loops.items() if key not in ("name", "_target_", "step")} == {
        key: value for key, value in fits.items() if key not in ("name", "_target_")
    }
