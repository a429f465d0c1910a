"""The multilayer perceptron's layers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.models.kinds import data
from tfmlflow.errors import UsageError
from tfmlflow.models import mlp


def layers(model: keras.Model, kind: type[keras.layers.Layer]) -> list[Any]:
    return [layer for layer in model.layers if isinstance(layer, kind)]


def test_parameters_are_those_counted_by_hand() -> None:
    hidden = (10 * 5 + 5) + (5 * 3 + 3)
    assert mlp.build(data("table"), units=[5, 3]).count_params() == hidden + (3 * 4 + 4)
    assert mlp.build(data("table", "binary"), units=[5, 3]).count_params() == hidden + (3 * 1 + 1)
    assert mlp.build(data("image"), units=[5]).count_params() == (64 * 5 + 5) + (5 * 4 + 4)
    assert mlp.build(data("tokens"), units=[5], embedding=7).count_params() == 20 * 7 + (7 * 5 + 5) + (5 * 4 + 4)


def test_without_hidden_layers_it_is_linear() -> None:
    assert mlp.build(data("table"), units=[]).count_params() == 10 * 4 + 4


def test_activations_and_dropout_can_be_given_for_each_layer() -> None:
    model = mlp.build(data("table"), units=[5, 4, 3], activation=["relu", "tanh", "elu"], dropout=[0.1, 0, 0.3])
    activations = [layer.activation.__name__ for layer in layers(model, keras.layers.Activation)]
    assert activations == ["relu", "tanh", "elu", "softmax"]
    assert [layer.rate for layer in layers(model, keras.layers.Dropout)] == [0.1, 0.3]


def test_one_value_is_for_every_layer() -> None:
    model = mlp.build(data("table"), units=[5, 4], activation="tanh", dropout=0.2)
    assert [layer.activation.__name__ for layer in layers(model, keras.layers.Activation)] == [
        "tanh",
        "tanh",
        "softmax",
    ]
    assert [layer.rate for layer in layers(model, keras.layers.Dropout)] == [0.2, 0.2]


def test_dropout_works_in_training_alone() -> None:
    model, x = mlp.build(data("table"), units=[50], dropout=0.5), data("table").test.x
    assert np.array_equal(model(x), model(x))
    assert not np.array_equal(model(x, training=True), model(x, training=True))


def test_batch_norm_comes_before_the_activation_and_takes_the_biass_place() -> None:
    model = mlp.build(data("table"), units=[5], batch_norm=True)
    order = [type(layer).__name__ for layer in model.layers]
    assert order == ["InputLayer", "Dense", "BatchNormalization", "Activation", "Dense", "Activation"]
    assert not model.layers[1].use_bias
    assert model.layers[4].use_bias
    assert model.count_params() == 10 * 5 + 4 * 5 + (5 * 4 + 4)


def test_batch_norm_can_be_given_for_each_layer() -> None:
    model = mlp.build(data("table"), units=[5, 6], batch_norm=[False, True])
    order = [type(layer).__name__ for layer in model.layers]
    assert order[1:6] == ["Dense", "Activation", "Dense", "BatchNormalization", "Activation"]
    assert [model.layers[1].use_bias, model.layers[3].use_bias] == [True, False]


def test_initializers_are_those_asked_for() -> None:
    model = mlp.build(data("table"), units=[5], kernel_initializer="zeros", bias_initializer="ones")
    kernel, bias = model.get_weights()[:2]
    assert np.all(kernel == 0)
    assert np.all(bias == 1)


@pytest.mark.parametrize(("key", "value"), [("activation", ["relu"]), ("dropout", [0.1, 0.2, 0.3])])
def test_a_list_of_the_wrong_length_is_refused(key: str, value: list[Any]) -> None:
    with pytest.raises(UsageError, match=rf"model\.{key}=.*{len(value)} values for 2 layers; give one, or 2"):
        mlp.build(data("table"), units=[5, 4], **{key: value})
