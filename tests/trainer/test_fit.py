"""How a training ends, which weights it leaves, and what it refuses."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import keras
import numpy as np
import pytest
from omegaconf import OmegaConf

from tests.conftest import ROOT
from tests.trainer.tiny import Memory, clouds, fit, same
from tfmlflow import trainer
from tfmlflow.errors import UsageError
from tfmlflow.models import mlp
from tfmlflow.trainer.class_weights import class_weights
from tfmlflow.trainer.settings import Settings


class RateAt(keras.callbacks.Callback):
    """Sets the learning rate when an epoch (from 1) begins."""

    def __init__(self, rates: dict[int, float]) -> None:
        super().__init__()
        self.rates = rates

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if epoch + 1 in self.rates:
            self.model.optimizer.learning_rate = self.rates[epoch + 1]


def diverging(at: int, **options: Any) -> tuple[keras.Model, trainer.Fitted]:
    """A training whose loss is NaN from epoch `at` on."""
    return fit(clouds(), optimizer=keras.optimizers.SGD(0.1), callbacks=[RateAt({at: 1e30})], epochs=5, **options)


def test_the_option_file_lists_every_setting_with_its_default() -> None:
    option: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / "trainer" / "fit.yaml"))
    fields = dataclasses.fields(Settings)
    assert set(option) - {"name", "_target_", "unfreeze"} == {field.name for field in fields}
    for field in fields:
        if field.name not in ("epochs", "early_stopping"):
            assert option[field.name] == field.default, field.name
    stopping = inspect.signature(trainer.fitting.early_stopper).parameters
    assert option["early_stopping"] == {key: stopping[key].default for key in stopping if key != "objective"}


def test_all_epochs_are_trained_and_the_last_logs_kept() -> None:
    memory = Memory()
    model, fitted = fit(clouds(), memory=memory, epochs=3)
    assert (fitted.reason, fitted.epochs) == ("completed", 3)
    assert fitted.last == pytest.approx(memory.epochs[-1])
    assert set(fitted.best) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert int(model.optimizer.iterations) == 12


@pytest.mark.parametrize(("objective", "pick"), [("val/loss", np.argmin), ("val/accuracy", np.argmax)])
def test_the_model_ends_with_the_weights_of_the_best_epoch(objective: str, pick: Any) -> None:
    memory, data = Memory(), clouds(noise=2.0)
    # Good at first, then thrown off.
    model, fitted = fit(data, memory=memory, objective=objective, epochs=6, callbacks=[RateAt({4: 1.0})])
    values = [epoch[objective.replace("/", "_")] for epoch in memory.epochs]
    assert fitted.best_epoch == pick(values) + 1 < 6
    evaluated = trainer.evaluate(model, data.validation, batch_size=12)
    assert evaluated == pytest.approx({name: fitted.best[f"val_{name}"] for name in evaluated}, rel=1e-5)
    assert evaluated != pytest.approx({name: fitted.last[f"val_{name}"] for name in evaluated}, rel=1e-3)


def test_a_training_metric_can_decide_the_best_epoch() -> None:
    memory = Memory()
    model, fitted = fit(clouds(), memory=memory, objective="train/loss", epochs=4, steps_per_execution=4)
    losses = [epoch["loss"] for epoch in memory.epochs]
    assert fitted.best_epoch == int(np.argmin(losses)) + 1
    assert same(model.get_weights(), memory.weights[fitted.best_epoch - 1])


def test_the_batch_size_of_an_evaluation_does_not_change_its_result() -> None:
    data = clouds()
    model, _ = fit(data, epochs=1)
    results = [trainer.evaluate(model, data.test, batch_size) for batch_size in (1, 5, 100)]
    assert results[0] == pytest.approx(results[1], rel=1e-5)
    assert results[0] == pytest.approx(results[2], rel=1e-5)


def test_early_stopping_stops_after_patience_and_says_so() -> None:
    _, fitted = fit(clouds(), optimizer=keras.optimizers.SGD(0.0), epochs=10, early_stopping={"patience": 2})
    assert (fitted.reason, fitted.epochs, fitted.best_epoch) == ("early_stopping", 3, 1)


def test_early_stopping_wants_an_improvement_of_min_delta() -> None:
    settings = {"patience": 1, "min_delta": 10.0}
    _, fitted = fit(clouds(), epochs=6, early_stopping=settings)
    assert (fitted.reason, fitted.epochs) == ("early_stopping", 2)
    _, fitted = fit(clouds(), epochs=6, early_stopping={**settings, "start_from_epoch": 3})
    assert (fitted.reason, fitted.epochs) == ("early_stopping", 5)


def test_a_training_that_improves_is_not_stopped() -> None:
    _, fitted = fit(clouds(noise=0.5), epochs=4, early_stopping={"patience": 1})
    assert (fitted.reason, fitted.epochs, fitted.best_epoch) == ("completed", 4, 4)


def test_a_loss_that_is_no_number_ends_the_training_and_keeps_the_best_before() -> None:
    model, fitted = diverging(at=3)
    assert (fitted.reason, fitted.epochs) == ("nan", 3)
    assert fitted.best_epoch in (1, 2)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    evaluated = trainer.evaluate(model, clouds().validation, batch_size=12)
    assert evaluated["loss"] == pytest.approx(fitted.best["val_loss"], rel=1e-5)


def test_a_loss_that_never_was_a_number_has_no_best_epoch() -> None:
    _, fitted = diverging(at=1)
    assert (fitted.reason, fitted.epochs, fitted.best_epoch, fitted.best) == ("nan", 1, None, {})


def test_a_loss_that_never_was_a_number_has_no_best_epoch_by_accuracy_either() -> None:
    _, fitted = diverging(at=1, objective="val/accuracy")
    assert fitted.best_epoch is None


def test_a_loss_that_is_no_number_can_be_let_pass() -> None:
    _, fitted = diverging(at=2, stop_on_nan=False)
    assert (fitted.reason, fitted.epochs, fitted.best_epoch) == ("nan", 5, 1)


def test_an_objective_that_the_run_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(UsageError, match=r"objective\.metric=val/f1: this run has val/loss, val/accuracy, train/loss"):
        fit(clouds(), objective="val/f1")


def test_a_metric_added_by_name_can_be_the_objective() -> None:
    _, fitted = fit(clouds(), objective="val/f1", metrics=["f1"], epochs=1)
    assert set(fitted.best) == {"loss", "f1", "val_loss", "val_f1"}


@pytest.mark.parametrize("jit", [True, "auto"])
def test_compiling_does_not_change_what_is_learned(jit: Any) -> None:
    data = clouds(examples=60)  # 36 to train on: three full batches
    plain, compiled = Memory(), Memory()
    fit(data, memory=plain, jit_compile=False)
    fit(data, memory=compiled, jit_compile=jit)
    assert compiled.losses == pytest.approx(plain.losses, abs=1e-4)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_other_tasks_learn_too(task: Any) -> None:
    data = clouds(task, noise=0.3)
    memory = Memory()
    fit(data, memory=memory, epochs=8, batch_size=8)
    assert memory.epochs[-1]["val_loss"] < 0.3 * memory.epochs[0]["val_loss"]


def test_a_model_that_is_built_by_its_first_batch_can_be_trained() -> None:
    _, fitted = fit(clouds(), model=keras.Sequential([keras.layers.Dense(3, activation="softmax")]), epochs=1)
    assert fitted.reason == "completed"


def test_a_model_of_ones_own_can_have_any_layers() -> None:
    inputs = keras.Input((4,))
    shared = keras.layers.Dense(4, activation="tanh")
    outputs = keras.layers.Dense(3, activation="softmax")(keras.layers.Add()([shared(inputs), shared(shared(inputs))]))
    _, fitted = fit(clouds(), model=keras.Model(inputs, outputs), epochs=1)
    assert fitted.reason == "completed"


def test_balanced_weights_are_inverse_to_how_often_a_class_occurs() -> None:
    data = clouds()
    weights = class_weights("balanced", data)
    counts = np.bincount(data.train.y)
    assert weights == pytest.approx({i: len(data.train) / (3 * count) for i, count in enumerate(counts)})
    binary = clouds("binary")
    assert sum(class_weights("balanced", binary)[int(y)] for y in binary.train.y.ravel()) == (
        pytest.approx(len(binary.train))
    )


def test_explicit_weights_scale_each_examples_loss_and_the_others_count_once() -> None:
    data = clouds()
    model = mlp.build(data, units=[6])
    memory = Memory()
    probabilities = model.predict(data.train.x, verbose=0)
    loss = -np.log(probabilities[np.arange(len(data.train)), data.train.y])
    for weights, expected in ((None, loss), ({0: 3, 2: 0.5}, loss * np.array([3, 1, 0.5])[data.train.y])):
        fit(
            data,
            model=model,
            optimizer=keras.optimizers.SGD(0.0),
            memory=memory,
            batch_size=len(data.train),
            epochs=1,
            class_weight=weights,
        )
        assert memory.losses[-1] == pytest.approx(expected.mean(), rel=1e-4)


def test_a_class_without_weight_is_not_learned() -> None:
    data = clouds(noise=0.3)
    model, _ = fit(data, epochs=15, class_weight={0: 0.0}, objective="train/loss")
    assert 0 not in model.predict(data.test.x, verbose=0).argmax(axis=1)


@pytest.mark.parametrize(
    ("task", "weights", "message"),
    [
        ("multiclass", "heavy", "class_weight=heavy: use balanced, null, or {class: weight}"),
        ("multiclass", {3: 1.0}, r"classes are 0 to 2, not \[3\]"),
        ("regression", "balanced", "is a regression and has no classes"),
    ],
)
def test_weights_that_fit_no_class_are_refused(task: Any, weights: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fit(clouds(task), class_weight=weights)


def test_weights_by_the_names_of_classes_are_refused_or_taken() -> None:
    try:
        fit(clouds(), class_weight={"a": 2.0}, epochs=1)
    except UsageError:
        pass
    except ValueError as error:
        pytest.fail(str(error))
