"""The input pipeline: orders of the epochs, batches, scaling."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmlflow.data import Split
from tfmlflow.data.augment import geometric
from tfmlflow.data.pipeline import Pipeline, example, in_order
from tfmlflow.data.splits import from_arrays
from tfmlflow.datasets import digits


def numbered(examples: int) -> Split:
    """Example i is the number i, its label 10 * i."""
    numbers = np.arange(examples)
    return Split(numbers[:, None].astype(np.float32), numbers * 10)


def epoch(pipeline: Pipeline, number: int) -> list[np.ndarray[Any, Any]]:
    """The batches of an epoch, as the numbers in them."""
    pipeline.on_epoch_begin(number)
    return [x.numpy().ravel() for x, _ in pipeline.dataset]


def order(pipeline: Pipeline, number: int) -> list[float]:
    return list(np.concatenate(epoch(pipeline, number)))


@pytest.mark.parametrize("batch_size", [1, 8, 10, 40, 64])
def test_every_epoch_visits_each_example_once(batch_size: int) -> None:
    pipeline = Pipeline(numbered(40), batch_size, seed=3)
    for number in range(3):
        assert sorted(order(pipeline, number)) == list(range(40))


def test_labels_come_with_their_examples() -> None:
    for x, y in Pipeline(numbered(20), 6, seed=0).dataset:
        assert np.array_equal(y, x.numpy().ravel() * 10)


def test_the_last_smaller_batch_is_kept() -> None:
    pipeline = Pipeline(numbered(43), 8, seed=0)
    assert [len(batch) for batch in epoch(pipeline, 0)] == [8, 8, 8, 8, 8, 3]
    assert pipeline.steps == 6
    assert int(pipeline.dataset.cardinality()) == 6


def test_batches_have_a_static_shape_where_the_batch_size_divides_the_data() -> None:
    assert Pipeline(numbered(40), 8, seed=0).dataset.element_spec[0].shape == (8, 1)
    assert Pipeline(numbered(41), 8, seed=0).dataset.element_spec[0].shape.as_list() == [None, 1]


def test_the_order_differs_between_epochs() -> None:
    pipeline = Pipeline(numbered(40), 8, seed=0)
    orders = [order(pipeline, number) for number in range(4)]
    assert len({tuple(numbers) for numbers in orders}) == 4
    assert orders[0] != sorted(orders[0])


def test_the_order_differs_between_seeds() -> None:
    assert order(Pipeline(numbered(40), 8, seed=0), 0) != order(Pipeline(numbered(40), 8, seed=1), 0)


def test_an_epoch_has_the_same_order_in_a_new_pipeline_that_starts_there() -> None:
    whole = Pipeline(numbered(40), 8, seed=7)
    orders = [order(whole, number) for number in range(5)]
    assert order(Pipeline(numbered(40), 8, seed=7), 3) == orders[3]
    assert order(whole, 1) == orders[1]


def test_the_order_does_not_depend_on_global_seeds() -> None:
    pipeline = Pipeline(numbered(40), 8, seed=7)
    tf.random.set_seed(1)
    first = order(pipeline, 2)
    tf.random.set_seed(2)
    assert order(Pipeline(numbered(40), 8, seed=7), 2) == first


class Recorder(keras.Model):
    """Remembers what it is trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []

    def train_step(self, data: Any) -> dict[str, Any]:
        self.seen += [float(number) for number in data[0].numpy().ravel()]
        return {"loss": tf.constant(0.0)}


def seen_by_fit(pipeline: Pipeline, **options: Any) -> list[float]:
    model = Recorder()
    model.compile(run_eagerly=True)
    model.fit(pipeline.dataset, callbacks=[pipeline], shuffle=False, verbose=0, **options)
    return model.seen


def test_fit_gets_a_new_order_each_epoch_and_can_go_on_at_any() -> None:
    seen = seen_by_fit(Pipeline(numbered(10), 4, seed=1), epochs=4)
    epochs = [seen[i : i + 10] for i in range(0, 40, 10)]
    assert all(sorted(numbers) == list(range(10)) for numbers in epochs)
    assert len({tuple(numbers) for numbers in epochs}) == 4
    assert seen_by_fit(Pipeline(numbered(10), 4, seed=1), epochs=4, initial_epoch=2) == seen[20:]


def test_bytes_are_scaled_to_between_zero_and_one() -> None:
    x = np.arange(256, dtype=np.uint8).reshape(16, 4, 4, 1)
    split = Split(x, np.zeros(16, np.int32))
    scaled = np.concatenate([batch.numpy() for batch, _ in in_order(split, 5)])
    assert scaled.dtype == np.float32
    assert np.allclose(scaled, x / 255.0, atol=1e-7)
    assert next(iter(Pipeline(split, 4, seed=0).dataset))[0].numpy().max() <= 1.0


def test_numbers_and_tokens_are_passed_as_they_are() -> None:
    for dtype in (np.float32, np.int32):
        split = Split(np.full((4, 3), 7, dtype), np.zeros(4, np.int32))
        batch = next(iter(Pipeline(split, 2, seed=0).dataset))[0].numpy()
        assert batch.dtype == dtype
        assert np.all(batch == 7)


def test_batches_are_float32_also_from_float64_arrays() -> None:
    split = Split(np.random.default_rng(0).random((8, 6, 6, 1)), np.zeros(8, np.int32))
    assert next(iter(Pipeline(split, 4, seed=0, augment=geometric(brightness=0.1)).dataset))[0].dtype == tf.float32


def test_evaluation_keeps_the_order() -> None:
    batches = [(x.numpy().ravel(), y.numpy()) for x, y in in_order(numbered(23), 5)]
    assert [len(x) for x, _ in batches] == [5, 5, 5, 5, 3]
    assert np.concatenate([x for x, _ in batches]).tolist() == list(range(23))
    assert np.concatenate([y for _, y in batches]).tolist() == [10 * i for i in range(23)]


def test_evaluation_batches_are_known_in_number() -> None:
    assert int(in_order(numbered(23), 5).cardinality()) == 5


def test_an_example_is_what_the_model_sees() -> None:
    data = digits.load()
    assert example(data.test).shape == (1, 8, 8, 1)
    assert np.array_equal(example(data.test, 7), data.test.x[:7])


def test_augmentation_changes_each_step_and_repeats_with_seed_and_step() -> None:
    split = Split(np.random.default_rng(0).random((8, 9, 9, 1)).astype(np.float32), np.arange(8, dtype=np.int32))

    def images(seed: int, number: int) -> np.ndarray[Any, Any]:
        """One epoch, in the order of the labels, so that only augmentation can differ."""
        pipeline = Pipeline(split, 4, seed, geometric(rotation=20, translation=0.1))
        pipeline.on_epoch_begin(number)
        batches = list(pipeline.dataset)
        labels = np.concatenate([y.numpy() for _, y in batches])
        return np.concatenate([x.numpy() for x, _ in batches])[np.argsort(labels)]

    assert np.array_equal(images(0, 1), images(0, 1))
    assert not np.array_equal(images(0, 1), images(0, 2))
    assert not np.array_equal(images(0, 1), images(1, 1))


def larger(one: tf.Tensor) -> tf.Tensor:
    """Somebody's own, with Python that looks at a tensor: AutoGraph makes a graph of it."""
    if tf.reduce_max(one) > 60:
        return one
    return one * 0


def darker(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    if seed[1] % 2 == 0:
        return images
    return images * 0.5


def test_functions_of_ones_own_may_look_at_tensors() -> None:
    x = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1) * 10
    data = from_arrays("own", x, np.arange(20) % 2, task="multiclass", input_shape=(1, 1, 1), decode=larger)
    for batches in (Pipeline(data.train, 4, seed=1).dataset, in_order(data.train, 4)):
        seen = np.concatenate([one.numpy().ravel() for one, _ in batches]) * 255
        assert set(seen[seen > 0].round()) == {float(one) for one in data.train.x.ravel() if one > 60}
    plain = from_arrays("own", x, np.arange(20) % 2, task="multiclass")
    first, second = (one.numpy() for one, _ in Pipeline(plain.train, 7, seed=1, augment=darker).dataset.take(2))
    as_is = [one.numpy() for one, _ in Pipeline(plain.train, 7, seed=1).dataset.take(2)]
    np.testing.assert_allclose(first, as_is[0])
    np.testing.assert_allclose(second, as_is[1] * 0.5)
