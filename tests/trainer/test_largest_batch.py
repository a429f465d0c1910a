"""The largest batch that fits is found in a bounded number of tries, and probing leaves no trace in the training."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.tiny import CPU, clouds
from tfmlflow.errors import UsageError
from tfmlflow.hardware import Runtime
from tfmlflow.models import mlp
from tfmlflow.trainer.largest_batch import USUAL, Probe, batch_size, largest, out_of_memory

GPU = Runtime(("/device:GPU:0",))
SETTINGS: dict[str, Any] = {
    "loss": "auto",
    "metrics": "auto",
    "label_smoothing": 0.0,
    "epochs": 1,
    "jit_compile": "auto",
}


@pytest.mark.parametrize("limit", [1, 3, 63, 64, 65, 1000, 4095, 4096, 60_000, 10**9])
@pytest.mark.parametrize("most", [1, 50, 5000, 65_536])
def test_what_is_found_fits_and_is_nearly_the_largest(limit: int, most: int) -> None:
    asked: list[int] = []

    def fits(size: int) -> bool:
        asked.append(size)
        return size <= limit

    low, tried, over = largest(fits, most)
    best = min(limit, most)
    assert best * 8 / 9 - 1 <= low <= best
    assert over is None or over > limit
    assert (over is None) == (limit >= most)
    assert tried == len(asked) == len(set(asked)) <= 16
    assert max(asked) <= max(2 * limit, USUAL)


def test_nothing_fits() -> None:
    assert largest(lambda _: False, 5000)[0] == 0
    with pytest.raises(UsageError, match="not one example fits"):
        batch_size(clouds(), GPU, False, lambda _: False)


def test_its_time_is_bounded() -> None:
    times = iter(range(0, 1000, 50))
    low, tried, over = largest(lambda size: True, 65_536, seconds=120.0, clock=lambda: float(next(times)))
    assert (low, tried, over) == (256, 3, None)


def test_room_is_left_and_the_number_of_steps_too() -> None:
    many = clouds(examples=80_000)
    found = batch_size(many, GPU, False, lambda size: size <= 1000)
    assert found.size % 8 == 0
    assert 0.8 * 1000 * 0.89 <= found.size <= 900
    assert "which fits" in found.said
    small = batch_size(clouds(examples=1000), GPU, False, lambda size: True)
    assert small.size == 60  # of 600
    assert "an epoch is to have 10 steps" in small.said


def test_without_a_gpu_the_usual_size_is_taken_or_it_is_refused() -> None:
    def never(size: int) -> bool:
        raise AssertionError("a CPU is not probed")

    found = batch_size(clouds(), CPU, False, never)
    assert found.size == 64
    assert "64 is taken on the CPU" in found.said
    with pytest.raises(UsageError, match="probed on a GPU, and there is none"):
        batch_size(clouds(), CPU, True, never)


class Hungry(keras.layers.Layer):
    """Says that memory is at its end, in TensorFlow's words, for more examples than it is told."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def call(self, x: Any) -> Any:
        def look(size: Any) -> Any:
            if size > self.most:
                raise MemoryError  # which TensorFlow makes a ResourceExhaustedError
            return np.float32(0)

        return x + tf.cast(tf.ensure_shape(tf.numpy_function(look, [tf.shape(x)[0]], tf.float32), ()), x.dtype)


def _weights(seed: int = 3) -> tuple[list[str], list[Any]]:
    model = mlp.build(clouds(), units=[5])
    return [layer.name for layer in model.layers], [*model.get_weights(), keras.random.normal((3,))]


def test_a_model_that_needs_too_much_is_found_out_and_nothing_of_it_stays() -> None:
    def build(data: Any) -> keras.Model:
        inputs = keras.Input(data.input_shape)
        hidden = Hungry(100)(keras.layers.Dense(4)(inputs))
        return keras.Model(inputs, keras.layers.Dense(data.classes, activation="softmax")(hidden))

    keras.backend.clear_session()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        keras.utils.set_random_seed(3)
        names, weights = _weights()
        keras.backend.clear_session()
        keras.config.set_dtype_policy("mixed_bfloat16")
        keras.utils.set_random_seed(3)
        probe = Probe(build, lambda: keras.optimizers.Adam(0.1), clouds(examples=4000), CPU, 3, None, SETTINGS)
        assert [probe(size) for size in (64, 128, 96)] == [True, False, True]
        again, same = _weights()
    finally:
        keras.config.set_dtype_policy("float32")
    assert names == again
    assert all(np.array_equal(one, other) for one, other in zip(weights, same, strict=True))


def test_what_is_no_lack_of_memory_is_raised() -> None:
    def build(data: Any) -> keras.Model:
        raise ValueError("a fault of the model")

    probe = Probe(build, keras.optimizers.Adam, clouds(), CPU, 0, None, SETTINGS)
    with pytest.raises(ValueError, match="a fault of the model"):
        probe(8)
    assert not out_of_memory(tf.errors.InvalidArgumentError(None, None, "shapes"))
    assert out_of_memory(tf.errors.InternalError(None, None, "RESOURCE_EXHAUSTED: Out of memory while trying"))
