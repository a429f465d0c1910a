"""The convolutional and the residual network's layers."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from tests.models.kinds import data
from tfmlflow.errors import UsageError
from tfmlflow.models import cnn, resnet


def layers(model: keras.Model, *kinds: type[keras.layers.Layer]) -> list[Any]:
    return [layer for layer in model.layers if isinstance(layer, kinds)]


def convolutions(model: keras.Model) -> list[Any]:
    return layers(model, keras.layers.Conv2D)


def test_parameters_are_those_counted_by_hand() -> None:
    model = cnn.build(data("image"), filters=[2, 3], dense_units=[5])
    first, second = 3 * 3 * 1 * 2 + 2, 3 * 3 * 2 * 3 + 3
    flat = 2 * 2 * 3  # 8 x 8 pixels, halved twice, of 3 filters
    assert model.count_params() == first + second + (flat * 5 + 5) + (5 * 4 + 4)


def test_averaging_the_positions_needs_fewer_parameters() -> None:
    model = cnn.build(data("image"), filters=[2, 3], head="average", dense_units=[])
    assert model.count_params() == (3 * 3 * 1 * 2 + 2) + (3 * 3 * 2 * 3 + 3) + (3 * 4 + 4)


def test_kernel_sizes_and_strides_can_be_given_for_each_block() -> None:
    model = cnn.build(data("image"), filters=[2, 3], kernel_size=[5, 1], strides=[2, 1], convolutions=2, pooling=None)
    assert [layer.kernel_size for layer in convolutions(model)] == [(5, 5), (5, 5), (1, 1), (1, 1)]
    assert [layer.strides for layer in convolutions(model)] == [(2, 2), (1, 1), (1, 1), (1, 1)]
    assert [layer.output.shape[1:3] for layer in convolutions(model)] == [(4, 4)] * 4
    assert [layer.filters for layer in convolutions(model)] == [2, 2, 3, 3]


def test_pooling_can_be_given_for_each_block() -> None:
    model = cnn.build(data("image"), filters=[2, 2, 2], pooling=["max", None, "average"])
    pools = layers(model, keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)
    assert [(layer.name, type(layer).__name__) for layer in pools] == [
        ("pool_1", "MaxPooling2D"),
        ("pool_3", "AveragePooling2D"),
    ]


def test_pooling_ends_when_the_image_is_smaller_than_the_pool() -> None:
    model = cnn.build(data("image"), filters=[2] * 6, dense_units=[])
    assert len(layers(model, keras.layers.MaxPooling2D)) == 3
    assert convolutions(model)[-1].output.shape[1:3] == (1, 1)
    wide = cnn.build(data("image"), filters=[2] * 3, pool_size=3, dense_units=[])
    assert [layer.pool_size for layer in layers(wide, keras.layers.MaxPooling2D)] == [(3, 3)]


def test_dropout_can_be_given_for_each_block_and_for_the_head() -> None:
    model = cnn.build(
        data("image"), filters=[2, 2], dropout=[0, 0.2], head_dropout=0.3, dense_units=[4, 4], dense_dropout=0.4
    )
    assert [layer.rate for layer in layers(model, keras.layers.Dropout)] == [0.2, 0.3, 0.4, 0.4]


def test_batch_norm_removes_the_biases_that_it_would_cancel() -> None:
    plain = cnn.build(data("image"), filters=[2, 3], dense_units=[5])
    normal = cnn.build(data("image"), filters=[2, 3], dense_units=[5], batch_norm=True, batch_norm_momentum=0.7)
    assert [layer.use_bias for layer in layers(normal, keras.layers.Conv2D, keras.layers.Dense)] == [False] * 3 + [True]
    assert {layer.momentum for layer in layers(normal, keras.layers.BatchNormalization)} == {0.7}
    widths = 2 + 3 + 5
    assert normal.count_params() == plain.count_params() - widths + 4 * widths


def test_batch_norm_can_be_given_for_each_block_and_leaves_dense_layers_alone_then() -> None:
    model = cnn.build(data("image"), filters=[2, 3], dense_units=[5], batch_norm=[False, True])
    weighted = layers(model, keras.layers.Conv2D, keras.layers.BatchNormalization, keras.layers.Dense)
    kinds = [type(layer).__name__ for layer in weighted]
    assert kinds == ["Conv2D", "Conv2D", "BatchNormalization", "Dense", "Dense"]
    assert [layer.use_bias for layer in weighted if hasattr(layer, "use_bias")] == [True, False, True, True]


def test_the_activation_is_used_after_convolutions_and_dense_layers() -> None:
    model = cnn.build(data("image"), filters=[2], convolutions=2, dense_units=[4], activation="gelu")
    names = [layer.activation.__name__ for layer in layers(model, keras.layers.Activation)]
    assert names == ["gelu", "gelu", "gelu", "softmax"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kernel_size", [3, 3, 3]),
        ("strides", [1]),
        ("pooling", ["max"]),
        ("dropout", [0.1, 0.1, 0.1]),
        ("batch_norm", [True]),
    ],
)
def test_a_list_of_the_wrong_length_is_refused(key: str, value: list[Any]) -> None:
    with pytest.raises(UsageError, match=rf"model\.{key}=.*{len(value)} values for 2 layers; give one, or 2"):
        cnn.build(data("image"), filters=[2, 2], **{key: value})


def test_an_image_too_small_for_its_kernels_is_refused_with_the_fix() -> None:
    with pytest.raises(UsageError, match=r"at block 3 the image is 1x1.*fewer blocks or model\.padding=same"):
        cnn.build(data("image"), filters=[2, 2, 2], padding="valid")
    assert cnn.build(data("image"), filters=[2, 2], padding="valid").output_shape == (None, 4)


def test_each_stage_but_the_first_halves_the_image() -> None:
    model = resnet.build(data("image", shape=(16, 16, 3)), filters=[2, 3, 4], blocks=2)
    sums = layers(model, keras.layers.Add)
    assert [layer.output.shape[1:] for layer in sums] == [
        (16, 16, 2),
        (16, 16, 2),
        (8, 8, 3),
        (8, 8, 3),
        (4, 4, 4),
        (4, 4, 4),
    ]


def test_residual_networks_parameters_are_those_counted_by_hand() -> None:
    model = resnet.build(data("image"), filters=[2, 3], blocks=1)
    stem = 9 * 1 * 2
    first = 4 * 2 + 9 * 2 * 2 + 4 * 2 + 9 * 2 * 2  # norm, convolution, norm, convolution
    second = 4 * 2 + 9 * 2 * 3 + 4 * 3 + 9 * 3 * 3 + 2 * 3  # and a shortcut of 1x1
    assert model.count_params() == stem + first + second + 4 * 3 + (3 * 4 + 4)


def test_a_residual_network_takes_odd_and_small_images() -> None:
    assert resnet.build(data("image", shape=(7, 5, 1)), filters=[2, 2, 2, 2], blocks=1).output_shape == (None, 4)


def test_a_residual_network_has_dropout_before_its_output() -> None:
    model = resnet.build(data("image"), filters=[2], blocks=1, dropout=0.3)
    assert [layer.rate for layer in layers(model, keras.layers.Dropout)] == [0.3]
    assert isinstance(model.layers[-3], keras.layers.Dropout)
