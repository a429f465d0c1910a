"""The recurrent networks' layers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.models.kinds import data
from tfmlflow.models import recurrent

BUILDERS = [recurrent.lstm, recurrent.gru]


def cells(model: keras.Model) -> list[Any]:
    return [layer for layer in model.layers if isinstance(layer, keras.layers.RNN)]


def test_an_lstms_parameters_are_those_counted_by_hand() -> None:
    model = recurrent.lstm(data("tokens"), units=[3], embedding=5)
    assert model.count_params() == 20 * 5 + 4 * (3 * (3 + 5) + 3) + (3 * 4 + 4)


def test_a_grus_parameters_are_those_counted_by_hand() -> None:
    model = recurrent.gru(data("series"), units=[4])
    assert model.count_params() == 3 * (4 * (4 + 3) + 2 * 4) + (4 * 4 + 4)


def test_an_image_is_read_row_by_row() -> None:
    model = recurrent.lstm(data("image", shape=(8, 6, 2)), units=[3])
    assert cells(model)[0].input.shape == (None, 8, 12)


@pytest.mark.parametrize("build", BUILDERS)
def test_stacked_layers_pass_on_whole_sequences_and_the_last_one_its_end(build: Any) -> None:
    model = build(data("series"), units=[5, 4, 3])
    assert [layer.return_sequences for layer in cells(model)] == [True, True, False]
    assert [layer.output.shape for layer in cells(model)] == [(None, 6, 5), (None, 6, 4), (None, 3)]


@pytest.mark.parametrize("build", BUILDERS)
def test_reading_both_ways_doubles_width_and_parameters(build: Any) -> None:
    one_way, both = (build(data("series"), units=[4], bidirectional=value) for value in (False, True))
    layer = next(layer for layer in both.layers if isinstance(layer, keras.layers.Bidirectional))
    assert layer.output.shape == (None, 8)
    assert layer.count_params() == 2 * cells(one_way)[0].count_params()
    stacked = build(data("series"), units=[4, 2], bidirectional=True)
    assert [layer.output.shape for layer in stacked.layers if isinstance(layer, keras.layers.Bidirectional)] == [
        (None, 6, 8),
        (None, 4),
    ]


@pytest.mark.parametrize("build", BUILDERS)
def test_the_options_reach_every_layer(build: Any) -> None:
    model = build(
        data("series"),
        units=[4, 3],
        activation="relu",
        recurrent_activation="hard_sigmoid",
        kernel_initializer="zeros",
        recurrent_initializer="ones",
        dropout=0.2,
        recurrent_dropout=0.1,
    )
    for layer in cells(model):
        assert layer.activation.__name__ == "relu"
        assert layer.recurrent_activation.__name__ == "hard_sigmoid"
        assert (layer.dropout, layer.recurrent_dropout) == (0.2, 0.1)
        kernel, recurrent_kernel = layer.get_weights()[:2]
        assert np.all(kernel == 0)
        assert np.all(recurrent_kernel == 1)


@pytest.mark.parametrize("build", BUILDERS)
def test_dense_layers_can_follow(build: Any) -> None:
    model = build(data("series"), units=[4], dense_units=[6, 5])
    assert [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)] == [6, 5, 4]


@pytest.mark.parametrize("build", BUILDERS)
def test_the_order_of_the_sequence_matters(build: Any) -> None:
    keras.utils.set_random_seed(0)
    model, x = build(data("series"), units=[4]), data("series").test.x
    assert not np.allclose(model(x), model(x[:, ::-1]))
