"""What probes find in a training that really runs, and that they never harm it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from tests.trainer import tiny
from tfmlflow import trainer
from tfmlflow.data.pipeline import Pipeline
from tfmlflow.diagnosis.evidence import Evidence
from tfmlflow.diagnosis.rules import diagnose
from tfmlflow.models import mlp
from tfmlflow.probe import gradients, neighbours
from tfmlflow.probe.probe import Probe


def _evidence(data: Any, model: keras.Model, seconds: float = 30.0, **settings: Any) -> Evidence:
    pipeline = Pipeline(data.train, 12, 0, classes=data.classes)
    probe = Probe(data, pipeline, {"trainer": {"epochs": 3}}, seconds)
    parts = (model, keras.optimizers.Adam(0.05), data, tiny.CPU, pipeline, trainer.Objective.of("val/loss"), 12)
    fitted = trainer.loop(*parts, [], [probe], epochs=3, progress="none", jit_compile=False, **settings)
    return probe.evidence(reason=fitted.reason)


@pytest.fixture(scope="module")
def dead() -> Evidence:
    """Of a training whose only hidden layer is silent, on data with twins in the test set."""
    data = tiny.clouds(examples=240)
    data = replace(data, test=data.train.take(np.arange(30)))
    model = mlp.build(data, units=[6])
    model.get_layer("dense_1").bias.assign(-100 * np.ones(6))
    return _evidence(data, model)


def test_a_silent_layer_is_seen_in_its_outputs_gradients_and_weights(dead: Evidence) -> None:
    assert dead.activations["relu_1"]["dead"] == 1
    assert dead.gradients_before["dense_1"]["gradient"] == 0
    assert dead.changes["dense_1/kernel"] == 0
    assert "dead_relus" in {finding.rule for finding in diagnose(dead).findings}


def test_what_is_known_of_data_and_loss_needs_no_steps(dead: Evidence) -> None:
    assert dead.task == "multiclass"
    assert dead.loss == "sparse_categorical_crossentropy"
    assert dead.from_logits is False
    assert dead.baseline == pytest.approx(np.log(3), rel=0.01)
    assert sum(dead.labels) == 144
    assert dead.neighbours["score"] > dead.neighbours["chance"] + 5 * dead.neighbours["deviation"]
    assert dead.duplicates["test"] == 1
    assert dead.inputs["std"] == pytest.approx(1.3, abs=0.4)
    assert len(dead.rates) == len(dead.train["loss"]) == len(dead.validation["loss"]) == 3


def test_what_fails_is_not_known_and_the_training_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise RuntimeError("no gradients here")

    monkeypatch.setattr(gradients, "by_layer", fails)
    data = tiny.clouds()
    evidence = _evidence(data, mlp.build(data, units=[4]))
    assert evidence.gradients_before == evidence.gradients_after == {}
    assert evidence.activations
    assert "gradients are not known" in diagnose(evidence).not_judged.values()


def test_a_look_that_takes_too_long_is_left_alone() -> None:
    data = tiny.clouds()
    model = mlp.build(data, units=[4])
    evidence = _evidence(data, model, seconds=0.0)
    assert evidence.gradients_after == {}
    assert len(evidence.train["loss"]) == 3


class Counting(keras.layers.Layer):
    """Somebody's own, which does something when it is called outside of a graph."""

    called = 0

    def call(self, inputs: Any) -> Any:
        type(self).called += 1
        return inputs


def test_layers_of_ones_own_are_not_called_once_more() -> None:
    data = tiny.clouds()
    inputs = keras.Input(data.input_shape)
    model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(Counting()(inputs)))
    pipeline = Pipeline(data.train, 12, 0, classes=data.classes)
    found = []
    for watching in ([], [Probe(data, pipeline, {"trainer": {}})]):
        Counting.called = 0
        parts = (keras.optimizers.Adam(0.05), data, tiny.CPU, pipeline, trainer.Objective.of("val/loss"), 12)
        trainer.loop(
            keras.models.clone_model(model), *parts, [], watching, epochs=2, progress="none", jit_compile=False
        )
        found.append(Counting.called)
    assert found[0] == found[1]
    evidence = watching[0].evidence()
    assert evidence.gradients_before == {} == evidence.gradients_after == evidence.activations
    assert len(evidence.train["loss"]) == 2
    assert all(moved > 0 for moved in evidence.changes.values())  # to read them calls nothing
    assert evidence.neighbours


def test_batches_of_ones_own_are_not_begun_once_more() -> None:
    data = tiny.clouds()
    begun = []

    def batches() -> Any:
        begun.append(1)
        yield data.train.x[:12], data.train.y[:12]

    own = replace(data, train=replace(data.train, own=batches))  # type: ignore[arg-type]
    probe = Probe(own, Pipeline(data.train, 12, 0, classes=3), {"trainer": {}})
    probe.set_model(mlp.build(data, units=[4]))
    probe.on_train_begin()
    probe.on_train_end()
    assert begun == []


def test_a_training_that_is_watched_ends_with_the_same_weights() -> None:
    data = tiny.clouds()
    pipeline = Pipeline(data.train, 12, 0, classes=data.classes)
    weights = []
    for watching in ([], [Probe(data, pipeline, {"trainer": {}})]):
        keras.utils.set_random_seed(3)
        model = mlp.build(data, units=[6], dropout=0.5, batch_norm=True)
        parts = (keras.optimizers.Adam(0.05), data, tiny.CPU, pipeline, trainer.Objective.of("val/loss"), 12)
        trainer.loop(model, *parts, [], watching, epochs=2, progress="none", jit_compile=False)
        weights.append(model.get_weights())
    for plain, watched in zip(*weights, strict=True):
        np.testing.assert_array_equal(plain, watched)


def test_neighbours_of_shuffled_labels_agree_by_chance_and_a_twin_is_no_neighbour_of_its_own() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    x = (np.eye(3)[y] * 3 + rng.normal(size=(600, 3))).astype(np.float32)
    right, mixed = neighbours.agreement(x, y, "multiclass"), neighbours.agreement(x, rng.permutation(y), "multiclass")
    assert right["score"] > 0.9
    assert abs(mixed["score"] - mixed["chance"]) < 3 * mixed["deviation"]
    fresh = rng.normal(size=(100, 3)).astype(np.float32)
    assert neighbours.twins(x, fresh, 600)["test"] == 0
    assert neighbours.twins(x, np.concatenate([fresh, x[:50] + 1e-5]), 600)["test"] == pytest.approx(1 / 3)
    assert neighbours.twins(x, x[:50], 600)["train"] == 0


def test_rows_of_a_few_values_have_twins_that_tell_nothing() -> None:
    x = np.random.default_rng(0).integers(0, 2, (600, 4)).astype(np.float32)
    assert neighbours.twins(x, x[:50], 600) == {}
