"""Whatever a training does, or the callback gets wrong, the training goes on; what is not a number costs itself."""

from __future__ import annotations

import copy
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import keras
import mlflow
import numpy as np
import pytest
from keras import ops
from mlflow import MlflowClient

import tfmlflow
from tests.conftest import run
from tests.tracking.trainings import compiled, examples, own_store
from tfmlflow.tracking.recording.epochs import EpochRecorder
from tfmlflow.tracking.recording.own import run as own_run
from tfmlflow.tracking.recording.steps import StepRecorder

CLASSES = 3


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with own_store(tmp_path_factory.mktemp("store")) as uri:
        yield uri


@pytest.fixture(scope="module")
def data() -> Any:
    x = np.random.default_rng(0).normal(size=(320, 8)).astype("float32")
    return x, np.eye(CLASSES)[np.argmax(x[:, :CLASSES], axis=1)].astype("float32")


class Matrix(keras.metrics.Metric):
    """Somebody's confusion matrix."""

    def __init__(self) -> None:
        super().__init__(name="confusion")
        self.counts = self.add_variable((CLASSES, CLASSES), "zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        said = ops.one_hot(ops.argmax(y_pred, -1), CLASSES)
        self.counts.assign_add(ops.matmul(ops.transpose(ops.cast(y_true, said.dtype)), said))

    def result(self) -> Any:
        return self.counts + 0.0


class Says(keras.callbacks.Callback):
    """Puts something into Keras's logs."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self._value = value

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["odd"] = self._value


def classifier(*metrics: Any) -> keras.Model:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(CLASSES, "softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=list(metrics))
    return model


PLAIN = {"system_metrics": False, "log_every": 1, "log_model": False, "drain_timeout": 120.0, "report": False}


def fitted(model: keras.Model, data: Any, *before: Any, epochs: int = 2, **kwargs: Any) -> tfmlflow.TrackingCallback:
    made = tfmlflow.TrackingCallback(**PLAIN | kwargs)
    model.fit(*data, epochs=epochs, batch_size=64, validation_split=0.2, verbose=0, callbacks=[*before, made])
    return made


def run_of(callback: tfmlflow.TrackingCallback) -> Any:
    return MlflowClient().get_run(callback.run_id)


def files(run_id: str, folder: str) -> set[str]:
    return {entry.path for entry in MlflowClient().list_artifacts(run_id, folder)}


def test_a_metric_that_gives_a_number_for_each_class_is_recorded_by_class(data: Any) -> None:
    run = run_of(fitted(classifier(keras.metrics.F1Score()), data))
    assert {f"val/f1_score/{i}" for i in range(CLASSES)} <= set(run.data.metrics)
    assert {f"train/f1_score/{i}" for i in range(CLASSES)} <= set(run.data.metrics)
    assert run.info.status == "FINISHED"
    assert "tfmlflow.incomplete" not in run.data.tags
    named = run_of(fitted(classifier(keras.metrics.F1Score()), data, class_names=("cat", "dog", "bird")))
    assert {"val/f1_score/cat", "val/f1_score/dog", "val/f1_score/bird"} <= set(named.data.metrics)


def test_one_class_may_be_what_the_best_epoch_is_chosen_by(data: Any) -> None:
    run = run_of(
        fitted(classifier(keras.metrics.F1Score()), data, monitor="val_f1_score/1", mode="max", log_model=True)
    )
    history = [point.value for point in MlflowClient().get_metric_history(run.info.run_id, "val/f1_score/1")]
    assert run.data.metrics["best/objective"] == max(history)
    assert len(run.outputs.model_outputs) == 1


def test_a_matrix_is_a_table_and_a_picture(data: Any) -> None:
    callback = fitted(classifier(Matrix()), data)
    assert "tables/val_confusion.csv" in files(callback.run_id, "tables")
    assert "plots/val_confusion.png" in files(callback.run_id, "plots")
    text = mlflow.artifacts.load_text(f"runs:/{callback.run_id}/tables/val_confusion.csv")
    rows = np.loadtxt(text.splitlines()[1:], delimiter=",")
    assert rows.shape == (CLASSES, CLASSES)
    assert rows.sum() == 64
    by_step = sorted(name.split("+timestamp")[0] for name in files(callback.run_id, "images"))
    parts = [f"images/{part}~confusion+step+{epoch}" for part in ("train", "val") for epoch in (1, 1, 2, 2)]
    assert by_step == parts  # each whole and small
    assert "tfmlflow.incomplete" not in run_of(callback).data.tags


ODD: list[Any] = ["a text", None, object(), np.zeros((2, 3, 4)), [1, [2, 3]], {"a": 1}, 1 + 2j, np.zeros(5000)]


@pytest.mark.parametrize("value", ODD, ids=[str(type(value).__name__) + str(i) for i, value in enumerate(ODD)])
def test_what_cannot_be_recorded_costs_itself_and_is_named_once(
    data: Any, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    callback = fitted(classifier(), data, Says(value), epochs=3)
    run = run_of(callback)
    assert run.info.status == "FINISHED"
    assert len(MlflowClient().get_metric_history(callback.run_id, "val/loss")) == 3
    assert "the metric odd" in run.data.tags["tfmlflow.incomplete"]
    assert sum("odd" in record.getMessage() for record in caplog.records) == 1


@pytest.mark.parametrize("value", [np.float32(0.5), np.array([0.25]), np.array(7), True, keras.ops.ones(())], ids=str)
def test_a_single_number_may_come_in_any_dress(data: Any, value: Any) -> None:
    callback = fitted(classifier(), data, Says(value))
    assert run_of(callback).data.metrics["train/odd"] == float(np.asarray(value).reshape(()))


HOOKS = [name for name in vars(tfmlflow.TrackingCallback) if name.startswith("on_")]


@pytest.mark.parametrize("hook", [hook for hook in HOOKS if hook not in ("on_test_end", "on_steps")])
def test_a_fault_of_ours_anywhere_ends_no_fit(
    data: Any, hook: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What each hook calls first raises."""
    inner = {
        "on_train_begin": (own_run, "opened"),
        "on_epoch_begin": (StepRecorder, "begin_epoch"),
        "on_train_batch_begin": (StepRecorder, "begin_group"),
        "on_test_begin": (StepRecorder, "pause"),
        "on_test_batch_begin": (tfmlflow.TrackingCallback, "_leave_if_told"),
        "on_epoch_end": (EpochRecorder, "record"),
        "on_train_end": (StepRecorder, "finish"),
    }[hook]

    def boom(*_: Any, **__: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(*inner, boom)
    trained = []
    ends = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: trained.append(epoch))
    callback = fitted(classifier(), data, ends)
    assert trained == [0, 1]
    said = [record.getMessage() for record in caplog.records if "a fault of ours" in record.getMessage()]
    assert said
    assert len(said) == len(set(said))
    monkeypatch.undo()
    following = fitted(classifier(), data)  # the next one is none the worse for it
    assert run_of(following).info.status == "FINISHED"
    assert following.run_id != callback.run_id if hook != "on_train_begin" else True


class Own(keras.Model):
    """A model with a training step and a loss of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.tracker = keras.metrics.Mean(name="my_loss")

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def train_step(self, batch: Any) -> Any:
        import tensorflow as tf

        x, y = batch
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        self.tracker.update_state(loss)
        return {"my_loss": self.tracker.result()}

    @property
    def metrics(self) -> list[Any]:
        return [self.tracker]

    def get_config(self) -> dict[str, Any]:
        return {}


def test_a_model_with_its_own_step_has_its_own_loss_rate_speed_and_model(caplog: pytest.LogCaptureFixture) -> None:
    model = Own()
    model.compile(keras.optimizers.Adam(0.01))
    callback = tfmlflow.TrackingCallback(log_every=1, system_metrics=False)
    model.fit(*examples(), epochs=2, batch_size=64, verbose=0, callbacks=[callback])
    run = run_of(callback)
    losses = MlflowClient().get_metric_history(callback.run_id, "batch/my_loss")
    assert [point.step for point in losses] == list(range(1, 51))
    assert all(np.isfinite(point.value) for point in losses)
    assert "batch/loss" not in run.data.metrics
    assert run.data.metrics["batch/learning_rate"] == pytest.approx(0.01)
    assert {"perf/step_ms_p50", "perf/examples_per_second"} <= set(run.data.metrics)
    assert run.data.params["trainer.loss"] == "of the model's own train_step"
    (model_id,) = [output.model_id for output in run.outputs.model_outputs]
    assert MlflowClient().get_logged_model(model_id).name == "last"
    assert "its metrics are my_loss" in caplog.text  # which exist, since the monitored one does not
    assert "stored as `last`" in caplog.text


def test_several_optimizers_of_a_models_own_are_params(data: Any) -> None:
    class Two(Own):
        def __init__(self) -> None:
            super().__init__()
            self.g_optimizer, self.d_optimizer = keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.2)

        def train_step(self, batch: Any) -> Any:
            return {"d_loss": ops.mean(self(batch[0])), "g_loss": ops.max(self(batch[0]))}

    model = Two()
    model.compile()
    callback = tfmlflow.TrackingCallback(log_every=1, system_metrics=False, log_model=False)
    model.fit(*examples(), epochs=1, batch_size=64, verbose=0, callbacks=[callback])
    run = run_of(callback)
    assert run.data.params["optimizer.d_optimizer.name"] == "adam"
    assert float(run.data.params["optimizer.g_optimizer.learning_rate"]) == pytest.approx(0.1)
    assert {"batch/d_loss", "batch/g_loss", "train/d_loss"} <= set(run.data.metrics)
    assert run.info.status == "FINISHED"


def test_a_metric_of_unknown_direction_has_no_best_and_the_last_model_is_kept(
    data: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Wonder(keras.metrics.Mean):
        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            super().update_state(ops.mean(y_pred))

    run = run_of(fitted(classifier(Wonder(name="wonder")), data, monitor="val_wonder", log_model=True))
    assert "best/epoch" not in run.data.metrics
    assert "mode='max'" in caplog.text
    (output,) = run.outputs.model_outputs
    assert (MlflowClient().get_logged_model(output.model_id).name, output.step) == ("last", 2)
    assert run.data.params["objective.mode"] == "unknown"


@pytest.mark.parametrize(
    "metric",
    [
        *(keras.metrics.FBetaScore(average="macro"), keras.metrics.OneHotMeanIoU(CLASSES)),
        *(keras.metrics.TruePositives(), keras.metrics.SensitivityAtSpecificity(0.5)),
    ],
    ids=lambda metric: metric.name,
)
def test_the_best_epoch_is_the_best_by_what_keras_says_of_the_metric(data: Any, metric: Any) -> None:
    run = run_of(fitted(classifier(metric), data, monitor=f"val_{metric.name}", epochs=6))
    history = MlflowClient().get_metric_history(run.info.run_id, f"val/{metric.name}")
    assert run.data.metrics["best/objective"] == max(point.value for point in history)


def test_the_objectives_value_has_a_place_of_its_own(data: Any) -> None:
    run = run_of(fitted(classifier(), data, monitor="loss", epochs=3))
    by_step = {point.step: point.value for point in MlflowClient().get_metric_history(run.info.run_id, "train/loss")}
    epoch = int(run.data.metrics["best/epoch"])
    assert run.data.metrics["best/objective"] == by_step[epoch] == min(by_step.values())
    validated = {point.step: point.value for point in MlflowClient().get_metric_history(run.info.run_id, "val/loss")}
    assert run.data.metrics["best/loss"] == validated[epoch]


def test_without_validation_best_means_nothing_but_the_objective(data: Any) -> None:
    callback = tfmlflow.TrackingCallback("loss", system_metrics=False, log_model=False)
    classifier("accuracy").fit(*data, epochs=2, verbose=0, callbacks=[callback])
    assert {key for key in run_of(callback).data.metrics if key.startswith("best/")} == {"best/objective", "best/epoch"}


def test_a_plain_run_knows_its_data_batch_size_weights_packages_and_code(data: Any) -> None:
    callback = tfmlflow.TrackingCallback(system_metrics=False, log_model=False)
    weights = {0: 1.0, 1: 2.0, 2: 1.0}
    classifier().fit(*data, epochs=1, batch_size=40, class_weight=weights, verbose=0, callbacks=[callback])
    run = run_of(callback)
    assert (run.data.params["data.batch_size"], run.data.params["trainer.class_weight.1"]) == ("40", "2.0")
    (used,) = run.inputs.dataset_inputs
    assert run.data.tags["tfmlflow.data_digest"] == used.dataset.digest
    assert {"environment/packages.txt", "environment/machine.json"} <= files(callback.run_id, "environment")
    changed = (data[0].copy(), data[1])
    changed[0][-1, -1] += 1
    other = tfmlflow.TrackingCallback(system_metrics=False, log_model=False)
    classifier().fit(*changed, epochs=1, verbose=0, callbacks=[other])
    assert run_of(other).data.params["data.batch_size"] == "32"
    assert run_of(other).data.tags["tfmlflow.data_digest"] != used.dataset.digest  # one number has changed


def test_two_fits_in_one_run_leave_one_model_named_best(data: Any) -> None:
    with mlflow.start_run() as active:
        model = classifier()
        for _ in range(2):
            fitted(model, data, log_model=True)
    client = MlflowClient()
    experiment = client.get_run(active.info.run_id).info.experiment_id
    found = client.search_logged_models([experiment], f"source_run_id = '{active.info.run_id}'")
    assert [(found.name, found.metrics[0].step) for found in found] == [("best", 4)]


@pytest.mark.parametrize("copied", [cloudpickle, copy.deepcopy], ids=["cloudpickle", "deepcopy"])
def test_a_callback_can_be_copied_before_and_after_a_fit(data: Any, copied: Any) -> None:
    def copy_of(callback: Any) -> Any:
        return copied(callback) if callable(copied) else copied.loads(copied.dumps(callback))

    original = tfmlflow.TrackingCallback("val_accuracy", log_every=1, system_metrics=False, log_model=False)
    for _ in range(2):
        other = copy_of(original)
        other_run = _fit(other, data)
        assert other_run.data.params["objective.metric"] == "val/accuracy"
        assert _fit(original, data).info.run_id != other_run.info.run_id


def _fit(callback: tfmlflow.TrackingCallback, data: Any) -> Any:
    classifier("accuracy").fit(*data, epochs=1, validation_split=0.2, verbose=0, callbacks=[callback])
    return run_of(callback)


FORKS = """
import atexit, os
import keras, numpy as np
import tfmlflow

class Forks(keras.callbacks.Callback):
    child = -1

    def on_train_batch_end(self, batch, logs=None):
        if batch != 2 or self.child >= 0:
            return
        self.child = os.fork()
        if self.child == 0:  # it cannot train, TensorFlow's threads are the parent's; it may say things, and leave
            code = 1
            try:
                for step in range(100, 104):
                    callback.session.metric("batch/loss", 1.0, step)
                callback.on_train_batch_begin(3)
                callback.session.flush()
                atexit._run_exitfuncs()
                code = 0
            finally:
                os._exit(code)

forks, callback = Forks(), tfmlflow.TrackingCallback(system_metrics=False, log_every=1, log_model=False)
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(np.ones((256, 8)), np.zeros(256), epochs=3, batch_size=64, verbose=0, callbacks=[forks, callback])
print("child", os.waitpid(forks.child, 0)[1])
print("run", callback.run_id)
"""


def test_a_process_that_is_forked_in_a_step_says_nothing_of_the_run(store: str, tmp_path: Path) -> None:
    """Once the child wrote its own steps into its parent's journal."""
    done = run("-c", FORKS, cwd=tmp_path, MLFLOW_TRACKING_URI=store, TFMLFLOW_SPOOL=os.environ["TFMLFLOW_SPOOL"])
    said = dict(line.split() for line in done.stdout.splitlines() if line.startswith(("child ", "run ")))
    assert said["child"] == "0", done.stderr
    steps = [point.step for point in MlflowClient().get_metric_history(said["run"], "batch/loss")]
    assert steps == list(range(1, 13))
    assert MlflowClient().get_run(said["run"]).info.status == "FINISHED"


def test_handlers_of_somebodys_own_are_called_and_are_theirs_afterwards(data: Any) -> None:
    seen: list[int] = []

    def mine(number: int, frame: Any) -> None:
        seen.append(number)

    before = {number: signal.signal(number, mine) for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)}
    try:
        sends = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: os.kill(os.getpid(), signal.SIGTERM) if batch == 1 else None
        )
        callback = fitted(classifier(), data, sends, epochs=2)
        assert seen == [signal.SIGTERM] * 2
        assert [signal.getsignal(number) for number in before] == [mine] * 3
        assert run_of(callback).info.status == "FINISHED"  # their handler has let it go on
        assert len(MlflowClient().get_metric_history(callback.run_id, "val/loss")) == 2
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_ctrl_c_is_a_keyboard_interrupt_and_the_next_fit_has_a_run_of_its_own(data: Any) -> None:
    """As in a notebook, where the process goes on."""
    sends = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: os.kill(os.getpid(), signal.SIGINT) if batch == 2 else None
    )
    first = tfmlflow.TrackingCallback(system_metrics=False, log_model=False)
    with pytest.raises(KeyboardInterrupt):
        classifier().fit(*data, epochs=3, batch_size=64, verbose=0, callbacks=[sends, first])
    assert mlflow.active_run() is None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    run = run_of(first)
    assert (run.info.status, run.data.tags["tfmlflow.end_reason"]) == ("KILLED", "signal")
    assert any(path.endswith(".npz") for path in files(first.run_id, "checkpoints"))
    second = fitted(classifier(), data)
    assert second.run_id != first.run_id
    assert run_of(second).info.status == "FINISHED"
    assert run_of(first).info.status == "KILLED"


def test_ctrl_c_that_is_caught_in_a_run_of_ones_own_leaves_the_run_to_its_owner(data: Any) -> None:
    sends = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: os.kill(os.getpid(), signal.SIGINT) if batch == 2 else None
    )
    callback = tfmlflow.TrackingCallback(system_metrics=False, log_model=False)
    with mlflow.start_run() as active:
        with pytest.raises(KeyboardInterrupt):
            classifier().fit(*data, epochs=3, batch_size=64, verbose=0, callbacks=[sends, callback])
        mlflow.log_metric("mine", 1.0)
    run = MlflowClient().get_run(active.info.run_id)
    assert run.data.metrics["mine"] == 1.0
    assert (run.info.status, run.data.tags["tfmlflow.end_reason"]) == ("FINISHED", "signal")
    assert run_of(fitted(compiled(), examples())).info.run_id != active.info.run_id
