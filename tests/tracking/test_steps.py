"""Every step's own loss, learning rate and speed, however Keras runs the steps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from mlflow import MlflowClient

from tests.tracking.trainings import (
    BATCH,
    STEPS,
    compiled,
    examples,
    fitted,
    in_history,
    own_store,
    points,
)


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with own_store(tmp_path_factory.mktemp("store"), processes=False) as uri:
        yield uri


class TrueLosses(keras.callbacks.Callback):
    """Each step's loss, by hand, before the step is taken."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        x, y = (part[batch * BATCH : (batch + 1) * BATCH] for part in examples())
        p = np.clip(np.asarray(self.model(x), np.float64), 1e-7, 1 - 1e-7)
        self.losses.append(float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))))


@pytest.fixture(scope="module")
def truth() -> list[float]:
    """Of two epochs, without any tracking."""
    model, truth = compiled(), TrueLosses()
    model.fit(*examples(), epochs=2, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[truth])
    return truth.losses


def agree(run_id: str, truth: list[float], key: str = "batch/loss") -> None:
    stored = points(run_id, key)
    assert [step for step, _ in stored] == list(range(1, len(truth) + 1))
    np.testing.assert_allclose([value for _, value in stored], truth, rtol=1e-4)


@pytest.mark.parametrize(("group", "jit"), [(1, False), (7, False), (50, False), (7, True)])
def test_every_steps_own_loss_however_the_steps_are_run(truth: list[float], group: int, jit: bool) -> None:
    callback = fitted(compiled(steps_per_execution=group, jit_compile=jit), epochs=2)
    agree(callback.run_id, truth)


def test_eager_steps_are_recorded_too(truth: list[float]) -> None:
    agree(fitted(compiled(run_eagerly=True), epochs=2).run_id, truth)


@pytest.mark.parametrize(("group", "frequency"), [(1, 1), (7, 2)])
def test_validation_in_between_does_not_disturb(truth: list[float], group: int, frequency: int) -> None:
    x, y = examples()
    fit = {"validation_data": (x[:500], 1 - y[:500]), "validation_freq": frequency}
    callback = fitted(compiled(steps_per_execution=group), epochs=2, fit=fit)
    agree(callback.run_id, truth)
    assert [step for step, _ in points(callback.run_id, "val/loss")] == ([1, 2] if frequency == 1 else [2])


class Evaluates(keras.callbacks.Callback):
    """Somebody's own look at other data: at the end of an epoch, or in the middle."""

    def __init__(self, batch: int | None) -> None:
        super().__init__()
        self._batch = batch

    def _look(self) -> None:
        x, y = examples()
        self.model.evaluate(x[:300], 1 - y[:300], batch_size=BATCH, verbose=0)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == self._batch:
            self._look()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._batch is None:
            self._look()


@pytest.mark.parametrize("batch", [None, 10], ids=["end of epoch", "middle of epoch"])
def test_somebodys_own_evaluation_does_not_disturb(truth: list[float], batch: int | None) -> None:
    agree(fitted(compiled(), epochs=2, before=[Evaluates(batch)]).run_id, truth)


def test_slow_and_quick_steps_have_their_own_losses(truth: list[float]) -> None:
    class Slow(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if batch % 6 == 0:
                time.sleep(0.3)

    agree(fitted(compiled(), epochs=2, before=[Slow()]).run_id, truth)


def test_more_steps_than_the_ring_holds_are_all_there() -> None:
    x, _ = examples()
    callback = fitted(compiled(steps_per_execution=40), epochs=2, fit={"batch_size": 1})
    stored = points(callback.run_id, "batch/loss")
    assert [step for step, _ in stored] == list(range(1, 2 * len(x) + 1))
    again = fitted(compiled(steps_per_execution=800), epochs=2, fit={"batch_size": 1})  # more than in the first ring
    np.testing.assert_allclose(
        [value for _, value in points(again.run_id, "batch/loss")], [value for _, value in stored], rtol=2e-3, atol=1e-5
    )


SCHEDULES = {
    "exponential": lambda: keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.5),
    "warmup": lambda: keras.optimizers.schedules.CosineDecay(0.0, 40, warmup_target=0.01, warmup_steps=10),
}


@pytest.mark.parametrize(("name", "group"), [("exponential", 7), ("warmup", 1)])
def test_a_schedules_rate_at_every_step(name: str, group: int) -> None:
    rate = SCHEDULES[name]()
    callback = fitted(compiled(keras.optimizers.SGD(rate), steps_per_execution=group), epochs=2)
    stored = points(callback.run_id, "batch/learning_rate")
    assert [step for step, _ in stored] == list(range(1, 2 * STEPS + 1))
    np.testing.assert_allclose(
        [value for _, value in stored], [float(rate(step)) for step in range(2 * STEPS)], rtol=1e-5, atol=1e-9
    )


def test_a_rate_that_a_callback_changes_in_the_middle_of_an_epoch() -> None:
    class Drops(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            self.model.optimizer.learning_rate = 0.01 / (1 + batch // 10)

    callback = fitted(compiled(), before=[Drops()])
    stored = [value for _, value in points(callback.run_id, "batch/learning_rate")]
    np.testing.assert_allclose(stored, [0.01 / (1 + batch // 10) for batch in range(STEPS)], rtol=1e-6)


def test_loss_scaling_hides_neither_loss_nor_rate(truth: list[float]) -> None:
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01), initial_scale=2.0**10)
    callback = fitted(compiled(optimizer, steps_per_execution=7), epochs=2)
    agree(callback.run_id, truth)
    assert {round(value, 6) for _, value in points(callback.run_id, "batch/learning_rate")} == {0.01}


class Bare(keras.Model):
    """A training step of one's own that knows nothing of Keras's loss mean."""

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.binary_crossentropy(y, self(x, training=True)))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}


class WithMean(Bare):
    """As Keras's guide shows it: a loss mean of one's own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.own_mean = keras.metrics.Mean(name="loss")

    @property
    def metrics(self) -> list[Any]:
        return [self.own_mean]

    def train_step(self, data: Any) -> dict[str, Any]:
        self.own_mean.update_state(super().train_step(data)["loss"])
        return {"loss": self.own_mean.result()}


@pytest.mark.parametrize("kind", [Bare, WithMean])
@pytest.mark.parametrize("loss", ["binary_crossentropy", None], ids=["with a loss", "without"])
def test_a_training_step_of_ones_own_has_points_all_the_same(
    truth: list[float], kind: type[keras.Model], loss: str | None
) -> None:
    callback = fitted(compiled(kind=kind, loss=loss), epochs=2)
    stored = points(callback.run_id, "batch/loss")
    assert [step for step, _ in stored] == list(range(1, 2 * STEPS + 1))
    if kind is Bare:
        np.testing.assert_allclose([value for _, value in stored], truth, rtol=1e-4)
    assert MlflowClient().get_run(callback.run_id).info.status == "FINISHED"
    assert [step for step, _ in points(callback.run_id, "train/loss")] == [1, 2]


def test_the_store_is_thinned_and_the_history_is_not(truth: list[float]) -> None:
    callback = fitted(compiled(steps_per_execution=4), epochs=2, log_every=7)
    stored = points(callback.run_id, "batch/loss")
    assert [step for step, _ in stored] == [7, 14, 21, 28, 35, 42, 49, 50]
    means = [np.mean(truth[start : start + 7]) for start in range(0, 50, 7)]
    np.testing.assert_allclose([value for _, value in stored], means, rtol=1e-4)
    every = in_history(callback.run_id, "batch/loss")
    assert [step for step, _ in every] == list(range(1, 51))
    np.testing.assert_allclose([value for _, value in every], truth, rtol=1e-4)
    assert [step for step, _ in in_history(callback.run_id, "batch/learning_rate")] == list(range(1, 51))
    for key in ("train/loss", "perf/step_ms_p50"):
        assert in_history(callback.run_id, key) == points(callback.run_id, key)


@pytest.mark.parametrize("group", [1, 5])
def test_speed_is_there_and_sane(group: int) -> None:
    class Slow(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            time.sleep(0.02 * group)

    x, y = examples()
    fit = {"validation_data": (x[:100], y[:100])}
    callback = fitted(compiled(steps_per_execution=group), epochs=3, before=[Slow()], fit=fit)
    run_id = callback.run_id
    p50, p95 = (dict(points(run_id, f"perf/step_ms_{name}")) for name in ("p50", "p95"))
    assert sorted(p50) == sorted(p95) == [STEPS, 2 * STEPS, 3 * STEPS]
    for step in p50:
        assert 20 <= p50[step] <= p95[step]
    assert p50[3 * STEPS] < 100
    shares = [value for _, value in points(run_id, "perf/tracking_overhead_share")]
    assert len(shares) == 3
    assert all(0 <= share < 0.2 for share in shares)
    speeds = points(run_id, "perf/examples_per_second")
    assert {(step - 1) // STEPS for step, _ in speeds} == {0, 1, 2}
    assert all(speed <= 1.1 * BATCH / 0.02 for _, speed in speeds), speeds
    assert all(speed > BATCH / 0.2 for step, speed in speeds if step > STEPS), speeds  # the first step was traced


def test_times_of_the_points_are_those_of_the_steps() -> None:
    class Slow(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            time.sleep(0.03)

    began = time.time()
    callback = fitted(compiled(), before=[Slow()])
    ended = time.time()
    found = [p.timestamp / 1000 for p in MlflowClient().get_metric_history(callback.run_id, "batch/loss")]
    assert sorted(found) == found
    assert began - 0.1 < found[0] < found[-1] < ended
    gaps = np.diff(found)
    assert 0.025 < np.median(gaps) < 0.1
