"""What each method leaves of a model: zeros where they are promised, the same numbers where nothing should change."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.compress.small import WORK, X, network, outputs
from tfmlflow.compress import aware, litert, masks, measured, precision, pruning, shrinking
from tfmlflow.compress.kernels import all_kernels, sparsity
from tfmlflow.compress.work import Refused, Work

pytestmark = pytest.mark.xdist_group("keras")


def test_a_polynomial_rises_as_zhu_and_gupta_have_it() -> None:
    said = [pruning.polynomial(step, 0.8, 0.2, 10, 30) for step in (10, 20, 30, 99)]
    assert said == pytest.approx([0.2, 0.8 - 0.6 / 8, 0.8, 0.8])


def test_so_many_weights_are_zero_as_the_share_says_and_the_smallest_ones() -> None:
    kernel = np.array([[3.0, -1.0], [0.5, -4.0]])
    assert masks.elements(kernel, 0.5).tolist() == [[1, 0], [0, 1]]
    assert masks.units(kernel, 0.5).tolist() == [[0, 1], [0, 1]]


def test_of_each_four_weights_along_the_inputs_the_two_largest_stay() -> None:
    kernel = np.arange(1.0, 11.0)[:, None] * np.array([1.0, -1.0])
    made = masks.n_of_m(kernel, 2, 4)
    assert made[:, 0].tolist() == made[:, 1].tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 1, 1]  # the rest is no group of four


def test_a_pruned_model_has_its_zeros_after_training_and_no_constraint_left() -> None:
    seen: list[float] = []

    def fit(model: keras.Model, callbacks: Any = (), **named: Any) -> None:
        watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(sparsity(model)))
        WORK.fit(model, [*callbacks, watch], **named)

    made = pruning.prune(network(), Work(fit, X, WORK.steps), sparsity=0.75, epochs=4, frequency=1)
    assert seen == pytest.approx([0.75 * 7 / 8, 0.75, 0.75, 0.75], abs=0.02)  # the last two epochs have trained
    assert sparsity(made) == pytest.approx(0.75, abs=0.01)
    assert all(kernel.variable.constraint is None for kernel in all_kernels(made))
    assert not any(np.count_nonzero(kernel.values() == 0) == 0 for kernel in all_kernels(made))


def test_no_epoch_is_the_best_before_the_last_zeros_are_chosen() -> None:
    class Best:
        epoch: int | None = 1
        value: float | None = 0.1

    best, chosen = Best(), pruning.Pruning([], lambda step: 0.5, steps=4, last=8, every=1)
    chosen.kept_best = best
    chosen.on_epoch_begin(1)
    assert best.epoch is None
    best.epoch = 2
    chosen.on_epoch_begin(2)
    assert best.epoch == 2


def test_units_that_are_zero_are_taken_away_and_nothing_else_changes() -> None:
    whole = pruning.prune(network(), WORK, sparsity=0.5, structure="units", shrink=False, epochs=1)
    small = shrinking.shrunk(whole)
    assert [tuple(layer.kernel.shape) for layer in (small.get_layer("conv"), small.get_layer("hidden"))] == [
        (3, 3, 2, 2),
        (8, 4),
    ]
    np.testing.assert_allclose(outputs(small), outputs(whole), atol=1e-6)


def test_units_that_meet_others_stay() -> None:
    inputs = keras.Input((8,))
    x = keras.layers.Dense(8, activation="relu", name="a")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, name="out")(keras.layers.Add()([x, inputs])))
    assert pruning.prune(model, WORK, sparsity=0.5, structure="units", epochs=0) is model
    assert sparsity(model) == pytest.approx(32 / (64 + 16))


def test_a_pattern_that_names_nothing_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(Refused, match=r"dense9.*conv/kernel"):
        pruning.prune(network(), WORK, layers=["dense9"])


def test_after_training_with_rounding_the_model_is_plain_and_its_weights_lie_on_the_grid() -> None:
    model = network()
    made = aware.qat(model, WORK, epochs=1)
    assert made is model
    assert {type(layer).__module__.split(".")[0] for layer in made.layers} == {"keras"}
    assert not any(isinstance(layer, aware.FakeQuantized) for layer in made.layers)
    kernel = np.asarray(made.get_layer("hidden").kernel)
    steps = kernel / (np.abs(kernel).max(axis=0) / 127)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)


def test_gradients_go_through_rounding_and_the_range_of_inputs_is_learned() -> None:
    model = network()
    before = [np.asarray(variable) for variable in model.trainable_variables]
    wrapped = aware.wrap(model, {id(model.get_layer("conv"))}, 8, 8, 0.9)
    WORK.fit(wrapped, epochs=1)
    assert all((np.asarray(now) != was).any() for now, was in zip(model.trainable_variables, before, strict=True))
    (rounding,) = (layer for layer in wrapped.layers if isinstance(layer, aware.FakeQuantized))
    assert float(rounding.low) < -1 < 1 < float(rounding.high)


def test_zeros_stay_where_training_with_rounding_follows_pruning() -> None:
    model = pruning.prune(network(), WORK, sparsity=0.5, epochs=0)
    zero = np.asarray(model.get_layer("hidden").kernel) == 0
    assert np.asarray(aware.qat(model, WORK, epochs=1).get_layer("hidden").kernel)[zero].any() == False  # noqa: E712


def test_a_class_of_ones_own_cannot_be_trained_with_rounding() -> None:
    class Mine(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    model = Mine()
    model(X[:, 0, 0])
    with pytest.raises(Refused, match=r"Mine.*functional and sequential"):
        aware.qat(model, WORK)


def test_layers_of_ones_own_stay_as_they_are_beside_those_that_are_rounded() -> None:
    class Twice(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return 2 * inputs

    model = keras.Sequential(
        [keras.Input((6, 6, 2)), Twice(), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    )
    made = aware.qat(model, WORK, epochs=1)
    assert [type(layer).__name__ for layer in made.layers] == ["Twice", "Flatten", "Dense"]


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_keras_quantizes_dense_layers_and_the_file_is_smaller(mode: str) -> None:
    before, after = network(), precision.quantize(network(), WORK, mode)
    assert [layer.name for layer in precision.quantized(after)] == ["hidden", "out"]
    assert measured.agreement(outputs(before), outputs(after), "multiclass")["label_agreement"] > 0.9


def test_a_model_without_dense_layers_is_refused_by_keras_modes_with_what_helps() -> None:
    model = keras.Sequential([keras.Input((6, 6, 2)), keras.layers.Conv2D(2, 6), keras.layers.Flatten()])
    with pytest.raises(Refused, match=r"Conv2D.*litert_int8"):
        precision.quantize(model, WORK, "int8")


def test_half_floats_take_half_the_room_and_give_float32() -> None:
    made = precision.cast(network(), WORK)
    assert {str(variable.dtype) for variable in made.weights} == {"float16"}
    assert outputs(made).dtype == np.float32
    np.testing.assert_allclose(outputs(made), outputs(network()), atol=1e-2)


def test_a_litert_file_gives_what_the_model_gives() -> None:
    model = network()
    same, small = (litert.convert(model, WORK, weights) for weights in ("float32", "int8"))
    np.testing.assert_allclose(same.predict(X, verbose=0), outputs(model), atol=1e-5)
    np.testing.assert_allclose(small.predict(X, verbose=0), outputs(model), atol=0.1)
    sizes = measured.size(small, of=model)
    assert sizes.size_bytes == len(small.content)
    with pytest.raises(Refused, match="quantized"):
        litert.convert(precision.quantize(network(), WORK, "int8"), WORK)


def test_the_size_of_a_model_is_without_its_optimizer_which_it_keeps() -> None:
    model = network()
    bare = measured.size(model).size_bytes
    WORK.fit(model)
    assert abs(measured.size(model).size_bytes - bare) < 100
    assert model.compiled
    assert model.optimizer is not None


def test_latency_is_measured_of_each_model_and_batch() -> None:
    found = measured.latency({"a": network(), "b": network()}, X, seconds=0.05)
    assert set(found) == {"a", "b"}
    assert all(0 < one["latency_p50_ms"] <= one["latency_p95_ms"] for one in found.values())
    assert {"latency32_p50_ms", "latency32_p95_ms"} <= set(found["a"])
