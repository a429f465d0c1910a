"""The input pipeline: batches gathered by a permutation that is a function of (seed, epoch).

Gathering whole batches from memory costs a fraction of moving single examples through `Dataset.shuffle`, the order can
be taken up again at any epoch, and every epoch has its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmlflow.data.augment.change import Augment, Change, mixing_of, require_fit
from tfmlflow.data.batches.examples import Batch, fetcher, rows
from tfmlflow.data.batches.input_wait import InputWait
from tfmlflow.data.batches.order import Order
from tfmlflow.data.inputs import each
from tfmlflow.data.record import Split
from tfmlflow.errors import UsageError

as_it_is = tf.autograph.experimental.do_not_convert  # no Python of ours looks at tensors; rewriting it takes a second


class Pipeline(keras.callbacks.Callback):
    """Training batches, and the callback that tells them which epoch it is.

    Args:
        split: What to train on.
        batch_size: Examples a step; the last step of an epoch may have fewer.
        seed: Start of every random choice.
        augment: Changes each batch of images, differently at each step.
        share: (number, of how many): the part of each batch that this worker has, the order being that of all.
        classes: Of labels that are indices, which become vectors where examples are mixed; 0: of others.

    Attributes:
        split: What is trained on.
        batch_size: Examples a step.
        steps: Steps an epoch.
        full: Those of a whole batch.
        wait: How long steps wait for their data.
        passed: The order of somebody's own batches, where several workers must have the same one.
        mixes: Whether labels of classes are shares of several, float32 `(batch, classes)`.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        seed: int,
        augment: Augment | None = None,
        share: tuple[int, int] = (0, 1),
        classes: int = 0,
    ) -> None:
        super().__init__()
        if share[1] > batch_size:
            raise UsageError(f"data.batch_size={batch_size}: must be at least 1 for each of {share[1]} workers")
        require_fit(augment, split)
        self._share, self._classes = share, classes
        self.passed = Order() if split.own is not None and share[1] > 1 else None
        self._change = None if augment is None else Change(augment, seed, share, classes)
        self.mixes = mixing_of(augment) is not None
        self.steps, self.full = -(-len(split) // batch_size), len(split) // batch_size
        self.split, self._batch_size, self._seed, self._augment = split, batch_size, seed, augment
        self.batch_size = batch_size
        self._fetch = fetcher(split)
        if split.own is not None:
            self.steps = self.full = split.own.steps
        with tf.device("/CPU:0"):
            self._epoch = tf.Variable(0, dtype=tf.int64, trainable=False, name="epoch")
        self.wait = InputWait()
        if not self.gathers:
            _ = self.dataset  # what is wrong with it shows here

    @functools.cached_property
    def dataset(self) -> tf.data.Dataset:
        """One epoch of (x, y) or (x, y, weight), float32 or int32 x `(batch, *input_shape)`; built when it is used."""
        return self._build()

    @property
    def batches(self) -> tf.data.Dataset:
        """The present epoch's; as of `dataset`, which is that of every epoch and takes twice as long to begin."""
        return self.wait.spared(self.dataset)

    @property
    def gathers(self) -> bool:
        """Whether a batch is gathered from memory and nothing more, which no thread need do in advance."""
        split = self.split
        return self._augment is None and split.decode is None and split.read is None and split.own is None

    @property
    def now(self) -> int:
        """The present epoch, from 0."""
        return int(self._epoch.numpy())

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Chooses the epoch's order, and whether its wait is measured."""
        self._epoch.assign(epoch)
        if self.split.own is not None:
            self.split.own.begin(epoch)
        if self.passed is not None:
            self.passed.begin()
        self.wait.begin_epoch(epoch)

    def augmented(self, count: int = 8) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
        """The first images before and after augmentation, `(count, height, width, 1, 3 or 4)`; None of what is none."""
        if self._change is None:
            return None
        own = self.split.own
        x = self._fetch(tf.range(min(count, len(self.split))))[0] if own is None else tf.constant(own.first[:count])
        if x.shape.rank != 4 or x.shape[-1] not in (1, 3, 4):  # one's own augmentation may be of anything
            return None
        y = tf.zeros(tf.shape(x)[:1], tf.int32)
        return x.numpy(), self._change.whole((x, y), tf.constant(0, tf.int64))[0].numpy()

    def order(self, epoch: tf.Tensor | None = None) -> tf.Tensor:
        """The epoch's order of the examples, int32 `(n,)`: a function of seed and epoch, by default the present one."""
        seed = tf.stack([tf.constant(self._seed, tf.int64), tf.identity(self._epoch) if epoch is None else epoch])
        return tf.random.experimental.stateless_shuffle(tf.range(len(self.split)), seed=seed)

    def batch(self, order: tf.Tensor, step: tf.Tensor, size: int | None = None) -> Batch:
        """The batch of a step of the epoch.

        Args:
            order: As of `order`.
            step: Of the epoch, from 0.
            size: Its examples, where they are known when the graph is made.
        """
        chosen = self._mine(order[step * self._batch_size : (step + 1) * self._batch_size])
        return self._fetch(chosen if size is None else tf.ensure_shape(chosen, (size,)))

    def elsewhere(self, held: Any, epoch: tf.Tensor, order: tf.Tensor, step: tf.Tensor) -> Batch:
        """The batch of a step, on a worker that holds all examples; the same as here.

        Args:
            held: An element of `held`.
            epoch, step: From 0.
            order: As of `order`.
        """
        batch = rows(self.split, held, order[step * self._batch_size : (step + 1) * self._batch_size])
        return batch if self._change is None else self._change.whole(batch, epoch * self.steps + step)

    def of_size(self, batch_size: int) -> Pipeline:
        """The same examples in batches of another size."""
        return Pipeline(self.split, batch_size, self._seed, self._augment, self._share, self._classes)

    def sizes(self) -> tuple[int, int]:
        """Examples of a step here, and of the epoch's last one if that has fewer, else 0."""
        (begin, end), (first, last) = map(self._part, (self._batch_size, len(self.split) % self._batch_size))
        return end - begin, last - first

    def _mine(self, chosen: tf.Tensor) -> tf.Tensor:
        begin, end = self._part(chosen.shape[0] or tf.shape(chosen)[0])
        return chosen if self._share[1] == 1 else chosen[begin:end]

    def _part(self, size: Any) -> tuple[Any, Any]:
        """Where in a batch of all workers this one's part begins and ends."""
        number, count = self._share
        return number * size // count, (number + 1) * size // count

    def _build(self) -> tf.data.Dataset:
        steps, size, change = self.steps, self._batch_size, self._change
        if self.split.own is not None:
            return self.wait.around(self._of_own(self.split.own.of_epoch()).prefetch(tf.data.AUTOTUNE), steps)
        even = len(self.split) % size == 0

        def numbered(_: tf.Tensor) -> tf.data.Dataset:
            epoch, order = tf.identity(self._epoch), self.order()
            return tf.data.Dataset.range(steps).map(
                as_it_is(lambda step: (epoch * steps + step, order[step * size : (step + 1) * size]))
            )

        def batch(step: tf.Tensor, chosen: tf.Tensor) -> Batch:
            chosen = tf.ensure_shape(chosen, (size,)) if even else chosen
            if change is None:
                return self._fetch(self._mine(chosen))
            places = tf.range(*self._part(size if even else tf.shape(chosen)[0]))
            return change.part(self._fetch, chosen, places, step)

        made = batch if change is not None else ours(batch, self.split)  # one's own augmentation may look at tensors
        dataset = tf.data.Dataset.from_tensors(0).flat_map(as_it_is(numbered))
        dataset = dataset.map(made, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return self.wait.around(dataset.prefetch(tf.data.AUTOTUNE), steps)

    def _of_own(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        change, steps, passed = self._change, self.steps, self.passed
        if passed is not None:
            dataset = dataset.map(lambda *batch: passed.note(batch))
        if change is None and passed is None:
            return dataset

        def mine(step: tf.Tensor, batch: Batch) -> Batch:
            def fetch(chosen: tf.Tensor) -> Batch:
                return tuple(each(part, lambda one: tf.gather(one, chosen)) for part in batch)

            size = tf.shape(batch[1])[0]
            places = tf.range(*self._part(size))
            if change is None:
                return fetch(places)
            return change.part(fetch, tf.range(size), places, self._epoch * steps + step)

        return dataset.enumerate().map(mine, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def ours(function: Callable[..., Any], split: Split) -> Callable[..., Any]:
    """A function as it is, unless it calls one of the split, which may be somebody's own and look at tensors."""
    return function if split.decode is not None or split.read is not None else as_it_is(function)


def in_order(split: Split, batch_size: int, share: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
    """The batches of a split from first to last, for evaluation and prediction.

    Args:
        split, batch_size: Which, and how large.
        share: (number, of how many): every so many of the batches, for the worker of that number.
    """
    if split.own is not None:
        return split.own(share).prefetch(tf.data.AUTOTUNE)
    fetch, (number, count) = fetcher(split), share
    starts = tf.data.Dataset.range(number * batch_size, len(split), count * batch_size)
    return starts.map(
        ours(lambda start: fetch(tf.range(start, tf.minimum(start + batch_size, len(split)))), split),
        num_parallel_calls=tf.data.AUTOTUNE,
    ).prefetch(tf.data.AUTOTUNE)


def chosen_batches(split: Split, places: np.ndarray[Any, Any], batch_size: int) -> Iterator[Batch]:
    """Batches of the examples at some places, in their order, as the model sees them; none of a split of own batches.

    What lies in memory is taken batch by batch, so that there is no second copy of it.
    """
    if split.decode is None and split.read is None:
        for begin in range(0, len(places), batch_size):
            some = split.take(places[begin : begin + batch_size])
            yield fetcher(some)(tf.range(len(some)))
        return
    fetch = fetcher(split)
    chosen = tf.data.Dataset.from_tensor_slices(places).batch(batch_size)
    yield from chosen.map(ours(fetch, split), num_parallel_calls=tf.data.AUTOTUNE).prefetch(1)


def example(split: Split, count: int = 1) -> Any:
    """The first `count` examples, or all, as the model sees them: `(n, *input_shape)`, or several inputs by name."""
    if split.own is not None:
        return each(split.own.first, lambda one: one[:count])
    count = min(count, len(split))
    return each(next(iter(in_order(split.take(np.arange(count)), count)))[0], np.asarray)
