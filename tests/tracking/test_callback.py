"""What `TrackingCallback` leaves in a run, with the callback in somebody's own `fit`."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pytest
import tensorflow as tf
from mlflow import MlflowClient

import tfmlflow
from tests import stores
from tfmlflow.tracking.checkpoints import checkpoint

STEPS = 25  # an epoch: 1,600 examples in batches of 64


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A store of its own, as somebody's script would set it."""
    before = mlflow.get_tracking_uri()
    uri = stores.ready(tmp_path_factory.mktemp("store"))
    mlflow.set_tracking_uri(uri)
    MlflowClient(uri).create_experiment("own", artifact_location=str(tmp_path_factory.mktemp("artifacts")))
    mlflow.set_experiment("own")
    yield uri
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """2,000 examples that a small model can learn."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 8)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int32")


def compiled(rate: Any = 0.01, **kwargs: Any) -> keras.Model:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.layers.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(1, "sigmoid")]
    )
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"], **kwargs)
    return model


def fitted(model: keras.Model, data: Any, epochs: int = 2, callbacks: Any = (), **kwargs: Any) -> Any:
    plain = {"log_every": 1, "system_metrics": False, "drain_timeout": 120.0, "report": False}
    callback = tfmlflow.TrackingCallback(**plain | kwargs)
    model.fit(
        *data,
        epochs=epochs,
        batch_size=64,
        validation_split=0.2,
        shuffle=False,
        verbose=0,
        callbacks=[callback, *callbacks],
    )
    return callback


def points(run_id: str, key: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in MlflowClient().get_metric_history(run_id, key)]


class TrueLosses(keras.callbacks.Callback):
    """Each step's own loss, by evaluating the batch before the step is taken."""

    def __init__(self, data: Any) -> None:
        super().__init__()
        self._data, self.losses = data, []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        x, y = (part[:1600][batch * 64 : (batch + 1) * 64] for part in self._data)
        p = np.clip(np.asarray(self.model(x))[:, 0], 1e-7, 1 - 1e-7)
        self.losses.append(float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))))


def test_batch_loss_is_the_steps_own_loss_and_not_a_running_mean(data: Any) -> None:
    truth = TrueLosses(data)
    callback = fitted(compiled(), data, callbacks=[truth])
    stored = points(callback.run_id, "batch/loss")
    assert [step for step, _ in stored] == list(range(1, 2 * STEPS + 1))
    np.testing.assert_allclose([loss for _, loss in stored], truth.losses, rtol=1e-4)


@pytest.mark.parametrize("group", [4, 50])
def test_grouped_steps_have_the_same_losses_as_single_ones(data: Any, group: int) -> None:
    single = points(fitted(compiled(), data).run_id, "batch/loss")
    grouped = points(fitted(compiled(steps_per_execution=group), data).run_id, "batch/loss")
    assert [step for step, _ in grouped] == [step for step, _ in single]
    np.testing.assert_allclose([v for _, v in grouped], [v for _, v in single], rtol=1e-4)


def test_thinned_points_are_means_over_their_interval(data: Any) -> None:
    every = np.array([value for _, value in points(fitted(compiled(), data).run_id, "batch/loss")])
    thinned = points(fitted(compiled(), data, log_every=10).run_id, "batch/loss")
    assert [step for step, _ in thinned] == [10, 20, 30, 40, 50]
    np.testing.assert_allclose([v for _, v in thinned], every.reshape(5, 10).mean(axis=1), rtol=1e-4)


@pytest.mark.parametrize(
    "rate",
    [
        0.01,
        keras.optimizers.schedules.CosineDecay(0.01, 50),
        pytest.param(keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.5), marks=pytest.mark.stress),
        pytest.param(
            keras.optimizers.schedules.PiecewiseConstantDecay([10, 20], [0.01, 0.005, 0.001]), marks=pytest.mark.stress
        ),
        keras.optimizers.schedules.CosineDecay(0.0, 40, warmup_target=0.01, warmup_steps=10),
    ],
    ids=["constant", "cosine", "exponential", "steps", "warmup"],
)
def test_the_learning_rate_of_every_step_is_known(data: Any, rate: Any) -> None:
    callback = fitted(compiled(rate, steps_per_execution=4), data)
    stored = dict(points(callback.run_id, "batch/learning_rate"))
    for step in (1, 2, 10, 11, 12, 26, 50):
        expected = float(rate(step - 1)) if callable(rate) else rate
        assert stored[step] == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_a_rate_changed_by_a_callback_is_the_one_recorded(data: Any) -> None:
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch == 0 else rate / 2)
    callback = fitted(compiled(), data, callbacks=[halve])
    stored = dict(points(callback.run_id, "batch/learning_rate"))
    assert stored[STEPS] == pytest.approx(0.01)
    assert stored[STEPS + 1] == pytest.approx(0.005)


def test_loss_scaling_does_not_hide_the_learning_rate(data: Any) -> None:
    model = compiled()
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.02)), "binary_crossentropy")
    callback = fitted(model, data, epochs=1)
    assert points(callback.run_id, "batch/learning_rate")[-1][1] == pytest.approx(0.02)


def test_epoch_metrics_are_keras_own_under_the_sections_of_the_ui(data: Any) -> None:
    model = compiled()
    history = keras.callbacks.History()
    callback = fitted(model, data, epochs=3, callbacks=[history])
    for key, name in {"train/loss": "loss", "val/loss": "val_loss", "val/accuracy": "val_accuracy"}.items():
        stored = points(callback.run_id, key)
        assert [step for step, _ in stored] == [1, 2, 3]
        np.testing.assert_allclose([v for _, v in stored], history.history[name], rtol=1e-6)


def test_a_run_of_its_own_is_complete_when_fit_returns(data: Any) -> None:
    callback = fitted(compiled(), data, epochs=3)
    run = MlflowClient().get_run(callback.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["tfmlflow.end_reason"] == "completed"
    assert run.data.params["optimizer.name"] == "adam"
    assert run.data.params["optimizer.learning_rate"] == "0.01"
    assert run.data.params["trainer.epochs"] == "3"
    assert run.data.metrics["best/epoch"] in (1, 2, 3)
    assert run.data.metrics["perf/examples_per_second"] > 0
    files = {f.path for f in MlflowClient().list_artifacts(callback.run_id, "plots")}
    assert files == {"plots/loss.png", "plots/accuracy.png"}


def test_the_best_model_is_the_best_epochs_and_predicts_as_it_did(data: Any) -> None:
    kept: dict[int, Any] = {}

    class Keep(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            kept[epoch + 1] = (logs["val_loss"], np.asarray(self.model(data[0][:5])))

    callback = fitted(compiled(0.5), data, epochs=4, callbacks=[Keep()])
    run = MlflowClient().get_run(callback.run_id)
    best = min(kept, key=lambda epoch: kept[epoch][0])
    (output,) = run.outputs.model_outputs
    assert (output.step, run.data.metrics["best/epoch"]) == (best, best)
    model = MlflowClient().get_logged_model(output.model_id)
    assert (model.name, str(model.status)) == ("best", "READY")
    loaded = mlflow.tensorflow.load_model(f"models:/{output.model_id}")
    np.testing.assert_allclose(loaded.predict(data[0][:5], verbose=0), kept[best][1], rtol=1e-5)
    described = mlflow.models.get_model_info(f"models:/{output.model_id}")
    assert described.signature.inputs.inputs[0].shape == (-1, 8)
    found = MlflowClient().search_logged_models(
        [run.info.experiment_id],
        filter_string="metrics.`best/loss` < 100",
        order_by=[{"field_name": "metrics.best/loss"}],
    )
    assert output.model_id in {each.model_id for each in found}


@pytest.mark.parametrize("kind", ["uint8", "float64"])
def test_the_stored_model_takes_what_it_was_fitted_to(data: Any, kind: str) -> None:
    x = (data[0] * 10 + 100).astype(kind)
    callback = tfmlflow.TrackingCallback(system_metrics=False, drain_timeout=120.0, report=False)
    held_out = (x[1600:], data[1][1600:])  # of what it splits itself, Keras makes float32 before
    compiled().fit(x[:1600], data[1][:1600], validation_data=held_out, verbose=0, callbacks=[callback])
    (output,) = MlflowClient().get_run(callback.run_id).outputs.model_outputs
    loaded = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
    assert loaded.metadata.signature.inputs.inputs[0].type == np.dtype(kind)
    assert loaded.predict(x[:3]).shape == (3, 1)


def test_what_loading_a_stored_model_needs_is_said(data: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Doubled(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return 2 * x

    layers = [keras.Input((8,)), Doubled(), keras.layers.Lambda(lambda x: x + 1), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential(layers)
    model.compile("adam", "binary_crossentropy")
    callback = fitted(model, data, epochs=1)
    (said,) = [record.getMessage() for record in caplog.records if "loading it needs" in record.getMessage()]
    assert """keras_model_kwargs={"custom_objects": {'Doubled': Doubled}, "safe_mode": False})""" in said
    (output,) = MlflowClient().get_run(callback.run_id).outputs.model_outputs
    options = {"custom_objects": {"Doubled": Doubled}, "safe_mode": False}
    loaded = mlflow.tensorflow.load_model(f"models:/{output.model_id}", keras_model_kwargs=options)
    assert loaded.predict(data[0][:3], verbose=0).shape == (3, 1)
    caplog.clear()
    fitted(compiled(), data, epochs=1)
    assert "loading it needs" not in caplog.text


def test_the_users_model_keeps_its_last_weights(data: Any) -> None:
    model = compiled(0.5)
    last: list[Any] = []

    class Keep(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            last[:] = self.model.get_weights()

    fitted(model, data, epochs=3, callbacks=[Keep()])
    for now, then in zip(model.get_weights(), last, strict=True):
        np.testing.assert_array_equal(now, then)


def test_an_active_run_is_adopted_and_left_to_its_owner(data: Any) -> None:
    with mlflow.start_run() as active:
        callback = fitted(compiled(), data)
        assert callback.run_id == active.info.run_id
        assert MlflowClient().get_run(active.info.run_id).info.status == "RUNNING"
        mlflow.log_metric("mine", 1)
    assert MlflowClient().get_run(active.info.run_id).info.status == "FINISHED"


def test_several_fits_in_one_run_go_on_at_the_next_step(data: Any) -> None:
    with mlflow.start_run() as active:
        model = compiled()
        fitted(model, data, epochs=2)
        fitted(model, data, epochs=1)
    run_id = active.info.run_id
    assert [step for step, _ in points(run_id, "batch/loss")] == list(range(1, 3 * STEPS + 1))
    assert [step for step, _ in points(run_id, "val/loss")] == [1, 2, 3]
    run = MlflowClient().get_run(run_id)
    assert (run.data.params["trainer.epochs"], run.data.params["fit_2.trainer.epochs"]) == ("2", "1")
    assert "tfmlflow.incomplete" not in run.data.tags


def test_a_further_fit_without_an_active_run_has_a_run_of_its_own(data: Any) -> None:
    model = compiled()
    callback = tfmlflow.TrackingCallback(log_every=1, system_metrics=False)
    ids = []
    for _ in range(2):
        model.fit(*data, epochs=1, batch_size=64, validation_split=0.2, verbose=0, callbacks=[callback])
        ids.append(callback.run_id)
    assert ids[0] != ids[1]
    assert [step for step, _ in points(ids[1], "batch/loss")] == list(range(1, STEPS + 1))


def test_metrics_with_names_that_mlflow_refuses_are_kept_under_legal_ones(data: Any) -> None:
    model = compiled()
    model.compile("sgd", "binary_crossentropy", metrics=[keras.metrics.BinaryAccuracy(name="acc@1")])
    callback = fitted(model, data, epochs=1)
    metrics = MlflowClient().get_run(callback.run_id).data.metrics
    assert "val/acc_1" in metrics
    assert "val/loss" in metrics


def test_a_hundred_epochs_do_not_fail(data: Any) -> None:
    callback = fitted(compiled(), (data[0][:60], data[1][:60]), epochs=110, checkpoint_every=None)
    run = MlflowClient().get_run(callback.run_id)
    assert run.info.status == "FINISHED"
    assert len(points(callback.run_id, "val/loss")) == 110


@pytest.mark.parametrize("group", [1, 4])
def test_data_of_unknown_length_are_counted_by_the_steps_that_were_taken(data: Any, group: int) -> None:
    def batches() -> Iterator[tuple[Any, Any]]:
        for start in range(0, 640, 64):
            yield data[0][start : start + 64], data[1][start : start + 64]

    signature = (tf.TensorSpec((None, 8), tf.float32), tf.TensorSpec((None,), tf.int32))
    unknown = tf.data.Dataset.from_generator(batches, output_signature=signature)
    callback = tfmlflow.TrackingCallback(monitor="loss", log_every=1, system_metrics=False)
    compiled(steps_per_execution=group).fit(unknown, epochs=2, verbose=0, callbacks=[callback])
    assert [step for step, _ in points(callback.run_id, "batch/loss")] == list(range(1, 21))


def test_a_model_of_ones_own_class_is_recorded_and_stored(data: Any) -> None:
    class Line(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.line = keras.layers.Dense(1, activation="sigmoid")

        def call(self, x: Any) -> Any:
            return self.line(x)

    model = Line()
    model.compile("sgd", "binary_crossentropy")
    callback = fitted(model, data, epochs=1)
    run = MlflowClient().get_run(callback.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["model.parameters"] == "9"


def test_several_inputs_and_outputs_are_recorded(data: Any) -> None:
    x, y = data
    left, right = keras.Input((4,)), keras.Input((4,))
    joined = keras.layers.Concatenate()([left, right])
    model = keras.Model([left, right], [keras.layers.Dense(1, name="a")(joined), keras.layers.Dense(1, name="b")(left)])
    model.compile("sgd", ["mse", "mse"])
    callback = fitted(model, ([x[:, :4], x[:, 4:]], [y, y]), epochs=1)
    run = MlflowClient().get_run(callback.run_id)
    assert {"val/a_loss", "val/b_loss", "val/loss"} <= set(run.data.metrics)
    assert len(run.outputs.model_outputs) == 1


def test_no_point_is_stored_twice(data: Any) -> None:
    callback = fitted(compiled(), data)
    for key in ("best/loss", "best/epoch", "val/loss", "batch/loss"):
        steps = [step for step, _ in points(callback.run_id, key)]
        assert len(steps) == len(set(steps)), key


def test_without_validation_the_training_metric_decides_and_it_is_said(
    data: Any, caplog: pytest.LogCaptureFixture
) -> None:
    model = compiled()
    callback = tfmlflow.TrackingCallback(monitor="val_loss", system_metrics=False)
    model.fit(*data, epochs=2, batch_size=64, verbose=0, callbacks=[callback])
    run = MlflowClient().get_run(callback.run_id)
    assert run.data.metrics["best/epoch"] == 2
    assert len(run.outputs.model_outputs) == 1
    assert "the best epoch is by 'loss'" in caplog.text


def test_epochs_that_a_fit_counts_itself_are_not_shifted(data: Any) -> None:
    model = compiled()
    with mlflow.start_run() as active:
        for first, last in ((0, 2), (2, 4)):
            callback = tfmlflow.TrackingCallback(log_every=1, system_metrics=False)
            model.fit(*data, initial_epoch=first, epochs=last, verbose=0, validation_split=0.2, callbacks=[callback])
    assert [step for step, _ in points(active.info.run_id, "val/loss")] == [1, 2, 3, 4]


def test_a_model_that_cannot_be_saved_does_not_fail_the_fit(data: Any) -> None:
    class Stubborn(keras.Model):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first, self.last = keras.layers.Dense(width), keras.layers.Dense(1, activation="sigmoid")

        def call(self, x: Any) -> Any:
            return self.last(self.first(x))

        def get_config(self) -> dict[str, Any]:
            raise NotImplementedError

    model = Stubborn(3)
    model.compile("sgd", "binary_crossentropy")
    callback = fitted(model, data, epochs=1)
    run = MlflowClient().get_run(callback.run_id)
    assert (run.info.status, run.data.tags["tfmlflow.end_reason"]) == ("FINISHED", "completed")
    assert "the best model cannot be stored" in run.data.tags["tfmlflow.incomplete"]


def test_an_exception_that_is_caught_does_not_spoil_the_next_training(data: Any) -> None:
    class Boom(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise RuntimeError("boom")

    first = tfmlflow.TrackingCallback(log_every=1, system_metrics=False)
    with pytest.raises(RuntimeError, match="boom"):
        compiled().fit(*data, epochs=2, verbose=0, validation_split=0.2, callbacks=[first, Boom()])
    second = fitted(compiled(), data)
    assert second.run_id != first.run_id
    statuses = [MlflowClient().get_run(each.run_id).info.status for each in (first, second)]
    assert statuses == ["FAILED", "FINISHED"]
    tags = MlflowClient().get_run(first.run_id).data.tags
    assert tags["tfmlflow.error"].startswith("fit was left before its end: ")
    assert points(second.run_id, "batch/loss")[0][0] == 1


def test_a_fit_that_fails_before_its_first_step_can_be_tried_again_with_the_same_model(data: Any) -> None:
    class Boom(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            raise RuntimeError("boom")

    model = compiled()
    callback = tfmlflow.TrackingCallback(log_every=1, system_metrics=False)
    with pytest.raises(RuntimeError, match="boom"):
        model.fit(*data, verbose=0, validation_split=0.2, callbacks=[callback, Boom()])
    failed = callback.run_id
    model.fit(*data, epochs=1, verbose=0, validation_split=0.2, callbacks=[callback])
    statuses = [MlflowClient().get_run(run_id).info.status for run_id in (failed, callback.run_id)]
    assert statuses == ["FAILED", "FINISHED"]


def test_two_callbacks_in_one_fit_are_refused(data: Any) -> None:
    two = [tfmlflow.TrackingCallback(system_metrics=False) for _ in range(2)]
    with pytest.raises(ValueError, match="already has a TrackingCallback"):
        compiled().fit(*data, epochs=1, verbose=0, callbacks=two)
    fitted(compiled(), data, epochs=1)


def test_an_evaluation_is_recorded_in_the_run_of_its_training(data: Any) -> None:
    callback = fitted(model := compiled(), data, epochs=2)
    reached = model.evaluate(*data, verbose=0, return_dict=True, callbacks=[callback])
    run = MlflowClient().get_run(callback.run_id)
    assert run.data.metrics["test/loss"] == pytest.approx(reached["loss"])
    assert (run.info.status, run.data.tags["tfmlflow.end_reason"]) == ("FINISHED", "completed")
    assert "tfmlflow.incomplete" not in run.data.tags
    assert points(callback.run_id, "test/loss")[0][0] == 2


def test_an_evaluation_alone_has_a_run_of_its_own(data: Any) -> None:
    callback = tfmlflow.TrackingCallback(run_name="looked at again", system_metrics=False)
    compiled().evaluate(*data, verbose=0, callbacks=[callback])
    run = MlflowClient().get_run(callback.run_id)
    assert (run.info.run_name, run.info.status) == ("looked at again", "FINISHED")
    assert set(run.data.metrics) == {"test/loss", "test/accuracy"}


def test_an_evaluation_in_an_active_run_is_recorded_there(data: Any) -> None:
    with mlflow.start_run() as active:
        compiled().evaluate(*data, verbose=0, callbacks=[tfmlflow.TrackingCallback()])
        mlflow.log_metric("mine", 1.0)
    run = MlflowClient().get_run(active.info.run_id)
    assert set(run.data.metrics) == {"test/loss", "test/accuracy", "mine"}
    assert run.info.status == "FINISHED"


def test_the_best_checkpoint_is_the_best_epochs_whatever_the_interval(data: Any) -> None:
    callback = fitted(compiled(), data, epochs=4, checkpoint_every=3)
    best = int(MlflowClient().get_run(callback.run_id).data.metrics["best/epoch"])
    folder = Path(MlflowClient().download_artifacts(callback.run_id, "checkpoints"))
    (entry,) = (e for e in json.loads((folder / "index.json").read_text()) if "best" in e["roles"])
    assert entry["epoch"] == checkpoint.restore(folder / entry["file"], compiled())["epoch"] == best


def test_early_stopping_is_told_apart(data: Any) -> None:
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=1, min_delta=10)
    callback = fitted(compiled(), data, epochs=10, callbacks=[stop])
    assert MlflowClient().get_run(callback.run_id).data.tags["tfmlflow.end_reason"] == "early_stopping"


def test_a_loss_that_is_no_number_ends_the_run_failed(data: Any) -> None:
    model = compiled()
    model.compile(keras.optimizers.SGD(float("nan")), "binary_crossentropy")
    callback = fitted(model, data, epochs=1)
    run = MlflowClient().get_run(callback.run_id)
    assert (run.info.status, run.data.tags["tfmlflow.end_reason"]) == ("FAILED", "nan")
    assert run.data.metrics["train/loss"] != run.data.metrics["train/loss"]


def test_a_checkpoint_holds_everything_of_model_and_optimizer(data: Any, tmp_path: Path) -> None:
    model = compiled()
    fitted(model, data, epochs=2)
    file = checkpoint.write(tmp_path / "one.npz", checkpoint.snapshot(model), {"epoch": 2})
    other = compiled()
    assert checkpoint.restore(file, other) == {"epoch": 2}
    for mine, theirs in zip(model.variables, other.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
    for each in (model, other):
        each.fit(*data, epochs=1, batch_size=64, shuffle=False, verbose=0)
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert not list(tmp_path.glob("*.part"))


def test_a_checkpoint_of_another_model_is_refused(data: Any, tmp_path: Path) -> None:
    model = compiled()
    model.optimizer.build(model.trainable_variables)
    file = checkpoint.write(tmp_path / "one.npz", checkpoint.snapshot(model), {})
    other = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(1)])
    other.compile("adam", "mse")
    with pytest.raises(ValueError, match="variables of the model"):
        checkpoint.restore(file, other)


@pytest.mark.parametrize(
    "wrong",
    [{"log_every": 0}, {"checkpoint_every": 0}, {"checkpoint_every": "3 days"}, {"keep_last": -1}, {"mode": "up"}],
)
def test_wrong_arguments_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        tfmlflow.TrackingCallback(**wrong)


def test_a_run_of_its_own_is_described_and_an_adopted_one_is_not(data: Any) -> None:
    own = fitted(compiled(), data, epochs=3, report=True)
    said = MlflowClient().get_run(own.run_id).data.tags["mlflow.note.content"]
    assert said.startswith("**val/loss 0.")
    assert "all 3 epochs trained" in said
    assert "| loss | 0." in said
    assert "Model: sequential" in said
    with mlflow.start_run() as active:
        mlflow.log_text("mine", "report.html")
        fitted(compiled(), data, report=True)
    assert "mlflow.note.content" not in MlflowClient().get_run(active.info.run_id).data.tags
    assert mlflow.artifacts.load_text(f"runs:/{active.info.run_id}/report.html") == "mine"
    for run_id, folder in ((own.run_id, ""), (active.info.run_id, "fit_1/")):
        page = mlflow.artifacts.load_text(f"runs:/{run_id}/{folder}report.html")
        told = re.search(r'id="content">(.*?)</script>', page, re.DOTALL)
        assert told is not None
        content = json.loads(told.group(1))
        assert [curve["metric"] for curve in content["curves"]] == ["accuracy", "loss", "learning rate"]
        assert content["curves"][2]["series"][0]["y"][0] == pytest.approx(0.01)
        assert ["inputs", "float32 [8]"] in dict(content["facts"])["Data"]
        assert len(content["model"]["layers"]) == 3


def told(run_id: str) -> Any:
    """What stands on the page of a run."""
    page = mlflow.artifacts.load_text(f"runs:/{run_id}/report.html")
    found = re.search(r'id="content">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found.group(1))


def test_the_report_shows_what_the_best_weights_say_of_validation_arrays() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 8, 8), dtype=np.uint8)
    bright = (pixels.mean(axis=(1, 2)) > 127).astype(np.int64)
    model = keras.Sequential(
        [keras.layers.Input((8, 8)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.5), loss, metrics=["accuracy"])
    shown = {"class_names": ["dark", "bright"], "report": True, "report_examples": True}
    callback = fitted(model, (pixels, bright), epochs=4, monitor="val_accuracy", **shown)
    after, said = model.get_weights(), told(callback.run_id)
    best = mlflow.tensorflow.load_model(f"runs:/{callback.run_id}/best")
    chosen, true = best.predict(pixels[240:], verbose=0).argmax(axis=1), bright[240:]
    assert said["classes"]["counts"] == [[int(((true == a) & (chosen == b)).sum()) for b in (0, 1)] for a in (0, 1)]
    assert said["classes"]["names"] == ["dark", "bright"]
    assert said["predicted"] == "validation split, 60 examples, weights of the best epoch"
    assert said["mistakes"][1]["items"][0]["picture"].startswith("data:image/png")
    assert all(np.array_equal(one, other) for one, other in zip(after, model.get_weights(), strict=True))


def test_an_interrupt_while_the_report_is_made_leaves_the_model_as_it_was(
    data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tfmlflow.tracking.recording.own.held_out.predict", interrupt)
    model, kept = compiled(0.5), list[Any]()
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()))
    with pytest.raises(KeyboardInterrupt), mlflow.start_run():
        fitted(model, data, epochs=6, callbacks=[keep], report=True, monitor="val_loss")
    assert all(np.array_equal(one, other) for one, other in zip(kept[-1], model.get_weights(), strict=True))


def test_what_comes_after_a_fit_draws_what_it_would_have_drawn_without_us(data: Any) -> None:
    def after(**kwargs: Any) -> tuple[Any, ...]:
        model = compiled()
        keras.utils.set_random_seed(3)
        if kwargs:
            fitted(model, data, **kwargs)
        else:
            model.fit(*data, epochs=2, batch_size=64, validation_split=0.2, shuffle=False, verbose=0)
        drawn = random.random(), float(np.random.random())
        return *drawn, keras.layers.Dense(1).build((None, 3)) or keras.initializers.GlorotUniform()(
            (2, 2)
        ).numpy().sum()

    plain = after()
    assert after(report=True) == plain
    assert after(log_model=False) == plain
    names = [MlflowClient().get_run(run.info.run_id).info.run_name for run in mlflow.search_runs(output_format="list")]
    assert len(names[:2]) == len(set(names[:2]))


def test_the_page_of_a_further_fit_is_of_that_fit(data: Any) -> None:
    with mlflow.start_run() as run:
        fitted(compiled(), data, epochs=4, report=True)
        fitted(compiled(), tuple(one[:300] for one in data), epochs=2, report=True)
    page = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/fit_2/report.html")
    found = re.search(r'id="content">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    said = json.loads(found.group(1))
    assert "all 2 epochs trained" in said["headline"]
    assert {name for name, *_ in said["results"]} == {"accuracy", "loss"}
    assert said["best_epoch"] == 6
    assert said["left"] == ["predictions: an earlier fit of the run has the best epoch"]


def test_examples_are_shown_if_they_are_asked_for(data: Any) -> None:
    callback = fitted(compiled(), data, report=True, log_model=False)
    (kind, *_) = told(callback.run_id)["mistakes"]
    assert set(kind["items"][0]) == {"said", "place", "where"}


class Twice(keras.layers.Layer):
    """A layer of somebody's own."""

    def call(self, x: Any) -> Any:
        return 2 * x


@pytest.mark.parametrize(
    ("why", "layers", "loss", "held_out"),
    [
        ("layers or steps of its own", [Twice(), keras.layers.Dense(1)], "mse", "arrays"),
        ("no arrays", [keras.layers.Dense(1)], "mse", "batches"),
        ("had no validation examples", [keras.layers.Dense(1)], "mse", "none"),
        ("under the loss poisson", [keras.layers.Dense(1, "exponential")], "poisson", "arrays"),
    ],
)
def test_the_report_says_why_it_shows_no_predictions(
    data: Any, why: str, layers: list[Any], loss: str, held_out: str
) -> None:
    x, y = (one[:64] for one in data)
    model = keras.Sequential([keras.layers.Input((8,)), *layers])
    model.compile("sgd", loss)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(32)
    validation = {"arrays": (x, y), "batches": batches, "none": None}[held_out]
    callback = tfmlflow.TrackingCallback(log_model=False, system_metrics=False)
    model.fit(x, y, validation_data=validation, verbose=0, callbacks=[callback])
    (left,) = told(callback.run_id)["left"]
    assert left.startswith("predictions: ")
    assert why in left


def test_a_fit_that_goes_wrong_is_diagnosed_by_its_curves(data: Any) -> None:
    x, y = data[0][:200], np.random.default_rng(1).integers(0, 2, 200)
    model = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(300, "relu"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), keras.losses.BinaryCrossentropy(from_logits=True))
    callback = fitted(model, (x, y), epochs=25)
    run = MlflowClient().get_run(callback.run_id)
    assert run.data.tags["tfmlflow.diagnosis"].startswith("the model learns by heart: ")
    assert "Diagnosis: the model learns by heart: " in run.data.tags["mlflow.note.content"]
    said = json.loads(mlflow.artifacts.load_text(f"runs:/{callback.run_id}/diagnosis.json"))
    assert [one["rule"] for one in said["findings"]] == ["overfitting"]
    assert len(said["evidence"]["train"]["loss"]) == 25
