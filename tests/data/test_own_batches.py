"""Batches of somebody's own, of known and unknown length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import stores
from tests.conftest import Command
from tfmlflow.data import Data
from tfmlflow.data.own_batches import from_dataset
from tfmlflow.data.pipeline import Pipeline, example, in_order
from tfmlflow.errors import UsageError
from tfmlflow.trainer.class_weights import class_weights

X, Y = np.arange(40, dtype=np.float32).reshape(20, 2), np.arange(20) % 3


class Batches(keras.utils.PyDataset):
    """Four batches of 5."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        return X[index * 5 : index * 5 + 5], Y[index * 5 : index * 5 + 5]


class Loader:
    """As one of grain: it can be gone through, and has no length."""

    def __iter__(self) -> Iterator[Any]:
        return iter([Batches()[number] for number in range(4)])


def dataset() -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(5)


OWN = {
    "dataset": dataset,
    "of unknown length": lambda: dataset().filter(lambda x, y: True),
    "shuffled": lambda: tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(20).batch(5),
    "PyDataset": Batches,
    "loader": Loader,
}


def made(train: Any, **more: Any) -> Data:
    return from_dataset("mine", train, dataset(), dataset().take(2), **{"task": "multiclass"} | more)


@pytest.mark.parametrize("kind", OWN)
def test_every_epoch_has_all_of_them(kind: str) -> None:
    data = made(OWN[kind]())
    assert (data.classes, data.input_shape, len(data.train), len(data.test)) == (3, (2,), 20, 10)
    assert data.digest == made(dataset()).digest  # whatever the order
    pipeline = Pipeline(data.train, 64, seed=0)
    assert (pipeline.steps, int(pipeline.dataset.cardinality())) == (4, 4)
    for epoch in range(2):
        pipeline.on_epoch_begin(epoch)
        seen = [(tuple(one), int(label)) for x, y in pipeline.dataset for one, label in zip(x.numpy(), y, strict=True)]
        assert sorted(seen) == sorted((tuple(one), int(label)) for one, label in zip(X, Y, strict=True))
    assert sum(len(y) for _, y in in_order(data.test, 64)) == 10
    assert example(data.test).shape == (1, 2)


def test_one_without_an_end_needs_the_steps_of_an_epoch() -> None:
    with pytest.raises(UsageError, match=r"data=mine, train: has no end; give steps="):
        made(dataset().repeat())
    assert Pipeline(made(dataset().repeat(), steps=6).train, 64, seed=0).steps == 6


def test_each_epoch_goes_on_where_the_one_before_has_ended_whoever_looks_in_between() -> None:
    """Eight batches of 5, of which an epoch has three."""
    numbers = np.arange(40, dtype=np.float32)
    given = tf.data.Dataset.from_tensor_slices((numbers[:, None], np.arange(40) % 3)).batch(5)

    def seen(pipeline: Pipeline, epoch: int) -> list[float]:
        pipeline.on_epoch_begin(epoch)
        return [float(one) for x, _ in pipeline.dataset for one in x.numpy().ravel()]

    for train in (given.repeat(), given):
        pipeline = Pipeline(made(train, steps=3).train, 64, seed=0)
        for epoch in range(4):
            if epoch == 2:
                next(iter(pipeline.dataset))
            expected = np.take(numbers, np.arange(15) + 15 * epoch, mode="wrap").tolist()
            assert seen(pipeline, epoch) == expected
            assert seen(Pipeline(made(train, steps=3).train, 64, seed=0), epoch) == expected  # that is gone on with
        assert len(list(in_order(pipeline.split, 64))) == 3


def test_the_digest_shows_one_changed_number() -> None:
    other = X.copy()
    other[-1, -1] += 1
    assert made(tf.data.Dataset.from_tensor_slices((other, Y)).batch(5)).digest != made(dataset()).digest


@pytest.mark.parametrize(
    ("train", "says"),
    [
        (dataset().take(0), "train: has no batch"),
        (dataset().map(lambda x, y: x), "a batch is a"),
        (dataset().unbatch(), "examples must be batched"),
        (tf.data.Dataset.from_tensor_slices((X, Y - 1)).batch(5), "labels go from -1 to 2"),
    ],
)
def test_other_things_are_refused(train: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        made(train)


def test_they_are_not_limited() -> None:
    with pytest.raises(UsageError, match=r"data\.limit=5: data=mine has batches of its own"):
        made(dataset()).limited(5)


SCRIPT = """
import keras, numpy as np, tensorflow as tf
from tfmlflow.data.own_batches import from_dataset

X = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("int32")[:, None]

def load():
    whole = tf.data.Dataset.from_tensor_slices((X, Y)).filter(lambda x, y: x[1] > -9).shuffle(200, seed=1).batch(16)
    held = tf.data.Dataset.from_tensor_slices((X, Y)).batch(50)
    return from_dataset("mine", whole, held, held, task="binary")
"""


@pytest.mark.slow
@pytest.mark.parametrize("trainer", ["loop", "fit"])
@pytest.mark.usefixtures("ready_store")
def test_they_are_trained_on(tmp_path: Path, train: Command, trainer: str) -> None:
    (tmp_path / "mine.py").write_text(SCRIPT)
    done = train(
        *("data=custom", "data._target_=mine.load", "model=mlp", f"trainer={trainer}", "trainer.epochs=3"),
        *("optimizer.learning_rate=0.01", "tracking.log_every=1"),
    )
    assert done.returncode == 0, done.stderr
    run = stores.only_run(tmp_path)
    assert run.data.metrics["test/accuracy"] > 0.8
    losses = stores.client(tmp_path).get_metric_history(run.info.run_id, "batch/loss")
    assert [point.step for point in losses] == list(range(1, 40))


def test_what_can_be_gone_through_once_is_refused() -> None:
    with pytest.raises(UsageError, match="a list_iterator can be gone through once"):
        from_dataset("once", iter([(X, Y)]), Loader(), Loader(), task="multiclass")


class Shuffled(Batches):
    """Its batches in another order in each epoch, by a seed, as Keras has it done."""

    def __init__(self) -> None:
        super().__init__()
        self._chance = np.random.default_rng(7)
        self.places = np.arange(20)
        self.asked: list[int] = []

    def __getitem__(self, index: int) -> Any:
        self.asked.append(index)
        chosen = self.places[index * 6 : index * 6 + 6]  # 6, 6, 6 and 2
        return X[chosen], Y[chosen]

    def on_epoch_end(self) -> None:
        self._chance.shuffle(self.places)


SHARED = {**OWN, "shuffled": lambda: tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(20, seed=3).batch(6)}
SHARED |= {"shuffled PyDataset": Shuffled, "several inputs": lambda: dataset().map(lambda x, y: ({"a": x, "b": x}, y))}


@pytest.mark.parametrize("kind", SHARED)
def test_workers_together_have_every_batch_of_one_worker_each_epoch(kind: str) -> None:
    """Three of them; of a last batch of 2 examples one worker has none."""
    one, *parts = (
        Pipeline(made(SHARED[kind](), classes=3).train, 64, 0, share=share)
        for share in ((0, 1), (0, 3), (1, 3), (2, 3))
    )
    for epoch in range(3):
        for pipeline in (one, *parts):
            pipeline.on_epoch_begin(epoch)
        whole, *shared = (list(pipeline.dataset) for pipeline in (one, *parts))
        assert [len(y) for _, y in whole] == [sum(len(batches[place][1]) for batches in shared) for place in range(4)]
        for place, (x, y) in enumerate(whole):
            parts_of = zip(*(tf.nest.flatten(batches[place]) for batches in shared), strict=True)
            for found, expected in zip(map(np.concatenate, parts_of), tf.nest.flatten((x, y)), strict=True):
                np.testing.assert_array_equal(found, expected)
        assert len({pipeline.passed.now for pipeline in parts if pipeline.passed is not None}) == 1


def test_a_shuffling_py_dataset_has_another_order_in_each_epoch() -> None:
    pipeline = Pipeline(made(Shuffled()).train, 64, 0)
    first, second = ([y.numpy().tolist() for _, y in pipeline.dataset] for _ in range(2))
    assert first != second


def test_each_worker_evaluates_some_of_the_batches_and_makes_no_others() -> None:
    given = Shuffled()
    data = from_dataset("mine", dataset(), given, dataset().take(3), task="multiclass")
    given.asked.clear()
    given.places = np.arange(20)
    sizes = [len(y) for _, y in in_order(data.validation, 64, (1, 3))]
    assert (sizes, given.asked) == ([6], [1])
    parts = [[y.numpy() for _, y in in_order(data.test, 64, (number, 2))] for number in (0, 1)]
    assert [len(part) for part in parts] == [2, 1]
    np.testing.assert_array_equal(np.concatenate([parts[0][0], parts[1][0], parts[0][1]]), Y[:15])


def test_the_order_of_batches_is_told_from_another() -> None:
    tf.random.set_seed(0)  # a seed of an operation's own is one of two
    orders = []
    for given in (dataset(), dataset(), dataset().shuffle(9, seed=1)):
        pipeline = Pipeline(made(given).train, 64, 0, share=(0, 2))
        pipeline.on_epoch_begin(0)
        list(pipeline.dataset)
        assert pipeline.passed is not None
        orders.append((pipeline.split.own.order, pipeline.passed.now))
    assert orders[0] == orders[1]
    assert orders[0][0] != orders[2][0]
    assert orders[0][1] != orders[2][1]


def test_classes_cannot_weigh_where_examples_do() -> None:
    data = made(dataset().map(lambda x, y: (x, y, tf.ones(tf.shape(y)))))
    with pytest.raises(UsageError, match=r"class_weight=balanced: data=mine has a weight for each example"):
        class_weights("balanced", data)
