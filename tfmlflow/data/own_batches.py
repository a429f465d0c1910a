"""Somebody's own batches as a data set: a `tf.data` pipeline, a `keras.utils.PyDataset`, or any loader of batches."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmlflow.data.batches.order import Order
from tfmlflow.data.batches.stream import Stream
from tfmlflow.data.digest import LENGTH, of_arrays, of_parts
from tfmlflow.data.inputs import arrays, each, require_as_many, shapes
from tfmlflow.data.record import Data, Split, Task
from tfmlflow.data.splits import target
from tfmlflow.errors import UsageError
from tfmlflow.predictor.preparation import Preparation

INFINITE = tf.data.INFINITE_CARDINALITY
MODULUS = 1 << 4 * LENGTH


def from_dataset(
    name: str,
    train: Any,
    validation: Any,
    test: Any,
    *,
    task: Task,
    classes: int = 0,
    steps: int | None = None,
    digest: str | None = None,
    **about: Any,
) -> Data:
    """Make a `Data` record of batches `(x, y)` or `(x, y, weight)`, as the model sees them; `x` may be a dict.

    Each is gone through once: its length is found, known or not, the labels are noted, and a digest is made of all
    examples, whatever their order. In every epoch it is gone through again; its order is its own.

    Over several workers a batch is that of all: each worker goes through all batches and trains on its part of each, so
    that all must have the same order, with a seed that is the same in each process. That is looked at in every epoch.

    Args:
        name: Name of the data set.
        train, validation, test: Each a `tf.data.Dataset`, a `keras.utils.PyDataset` or an iterable of batches that can
            be gone through again and again, such as a loader of grain.
        task: What the targets are; of classes they are indices.
        classes: How many there are; 0: as many as the labels tell.
        steps: Batches of an epoch, of a training set that has more of them or no end. Of a `tf.data.Dataset` each epoch
            has those that follow, and a training that is gone on with passes over those that it had; anything else
            begins anew in each epoch. Labels and digest are of the first epoch's: give `classes` where more come later.
        digest: Hash of the content, if it is known or changes each time, as with random augmentation.
        about: Further fields of `Data`.

    Raises:
        UsageError: One is empty, has no end, or holds something else than batches.
    """
    given = {"train": train, "validation": validation, "test": test}
    parts = {purpose: _Part(f"data={name}, {purpose}", one) for purpose, one in given.items()}
    found = {purpose: part.split(task, steps if purpose == "train" else None) for purpose, part in parts.items()}
    labels = np.concatenate([split.y.ravel() for split in found.values()])
    known = {"regression": 0, "binary": 2}.get(task, classes or int(labels.max()) + 1)
    x, y = found["train"].x, found["train"].y
    if task != "regression" and not 0 <= labels.min() <= labels.max() < known:
        said = f"data={name}: labels go from {labels.min()} to {labels.max()}"
        raise UsageError(f"{said}; they must be from 0 to {known - 1}")
    return Data(
        name=name,
        task=task,
        train=found["train"],
        validation=found["validation"],
        test=found["test"],
        input_shape=() if isinstance(x, Mapping) else x.shape[1:],
        classes=known,
        outputs=y.shape[1] if task == "regression" else 1,
        digest=digest or of_parts(part.digest for part in parts.values()),
        **{"preparation": Preparation("arrays", task)} | about,
    )


class _Part:
    """Batches of one purpose, gone through once."""

    def __init__(self, where: str, given: Any) -> None:
        self._where, self._given = where, given
        self._sum = 0

    @property
    def digest(self) -> str:
        """Of all examples, in whatever order they came."""
        return f"{self._sum:0{LENGTH}x}"

    def split(self, task: Task, steps: int | None) -> Split:
        """What is known of it."""
        endless = isinstance(self._given, tf.data.Dataset) and int(self._given.cardinality()) == INFINITE
        if endless and steps is None:
            raise UsageError(f"{self._where}: has no end; give steps=..., or take(...) so many batches")
        if isinstance(self._given, Iterator):
            raise UsageError(
                f"{self._where}: a {type(self._given).__name__} can be gone through once, and every epoch goes through "
                "all batches; give what makes one, such as a class with __iter__, or a tf.data.Dataset"
            )
        labels, count = list[NDArray[Any]](), 0
        few: Any = None
        spec: Any = None
        for batch in self._batches(steps):
            x, y = batch[:2]
            if y.ndim == 0:
                raise UsageError(f"{self._where}: a batch of one y without an axis; examples must be batched")
            require_as_many(self._where, x, len(y))
            if not isinstance(x, dict) and (x.ndim == 0 or len(x) != len(y)):
                raise UsageError(
                    f"{self._where}: a batch of x {x.shape} and y {y.shape}; there must be as many of both"
                )
            if few is None:
                few, spec = x, _spec(batch)
            if shapes(x) != shapes(few):
                raise UsageError(f"{self._where}: a batch of examples {shapes(x)}, the first has {shapes(few)}")
            labels.append(target(y, task))
            self._take_in(batch)
            count += 1
        if few is None:
            raise UsageError(f"{self._where}: has no batch")
        own = Own(self._given, spec, count, few, Order.of(labels), goes_on=count == steps)
        return Split(each(few, lambda one: one[:1]), np.concatenate(labels), own=own)

    def _batches(self, steps: int | None) -> Iterator[tuple[Any, ...]]:
        for number, batch in enumerate(_passed(self._given)):
            if steps is not None and number >= steps:
                return
            if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
                kind = type(batch).__name__
                raise UsageError(f"{self._where}: a batch is a {kind}; it must be (x, y) or (x, y, weight)")
            yield tuple(each(part, np.asarray) for part in batch)

    def _take_in(self, batch: tuple[Any, ...]) -> None:
        columns = [array for part in batch for array in arrays(part)]
        for row in range(len(batch[1])):
            said = of_arrays(*(column if column.ndim == 0 else column[row : row + 1] for column in columns))
            self._sum = (self._sum + int(said, 16)) % MODULUS


class Own:
    """Gives one epoch of the batches as a `tf.data.Dataset` of known length.

    Args:
        given: Where they come from.
        spec: Of a batch.
        steps: How many there are.
        first: The x of the first one, which whoever wants an example need not ask for: each pass may change the order
            of the next, and several workers must have made as many.
        order: Tells this order of the batches from another.
        goes_on: Whether there may be more of them than an epoch has.

    Attributes:
        steps, first, order: As given.
        weighted: Whether examples have weights.
    """

    def __init__(self, given: Any, spec: Any, steps: int, first: Any, order: str, goes_on: bool = False) -> None:
        self._given, self._spec, self.steps = given, spec, steps
        self.first, self.order = first, order
        self.weighted = len(spec) > 2
        more = goes_on and isinstance(given, tf.data.Dataset) and int(given.cardinality()) != steps
        self._stream = Stream(given, steps) if more else None

    def begin(self, epoch: int) -> None:
        """An epoch of the training begins."""
        if self._stream is not None:
            self._stream.epoch = epoch

    def of_epoch(self) -> tf.data.Dataset:
        """Those of the epoch that was begun, whenever the dataset is gone through."""
        if self._stream is None:
            return self()
        dataset = tf.data.Dataset.from_generator(self._stream, output_signature=self._spec)
        return dataset.apply(tf.data.experimental.assert_cardinality(self.steps))

    def __call__(self, share: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
        """The first epoch's, or of `share` (number, of how many) every so many, from that number on."""
        number, count = share
        steps = len(range(number, self.steps, count))
        if isinstance(self._given, tf.data.Dataset):
            dataset = self._given.map(_as_tuple).take(self.steps)
            dataset = dataset if count == 1 else dataset.shard(count, number)
        else:
            passed: Callable[[], Iterator[Any]] = lambda: map(tuple, _passed(self._given, share))  # noqa: E731
            dataset = tf.data.Dataset.from_generator(passed, output_signature=self._spec).take(steps)
        return dataset.apply(tf.data.experimental.assert_cardinality(steps))


def _as_tuple(*batch: Any) -> Any:
    return tuple(batch)


def _passed(given: Any, share: tuple[int, int] = (0, 1)) -> Iterator[Any]:
    """All batches, from the first to the last, or every so many; of those with a place no others are made."""
    number, count = share
    if isinstance(given, keras.utils.PyDataset):
        places = range(number, given.num_batches or len(given), count)
        for place in places:
            batch = given[place]
            if place == places[-1]:  # nobody may ask for more than there are
                given.on_epoch_end()
            yield batch
        return
    yield from itertools.islice(given, number, None, count)


def _spec(batch: tuple[Any, ...]) -> Any:
    return tuple(each(part, lambda one: tf.TensorSpec((None, *one.shape[1:]), one.dtype)) for part in batch)
