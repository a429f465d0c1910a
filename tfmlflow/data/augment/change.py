"""What becomes of a step's batch between memory and model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfmlflow.data.augment.colours import require_colours
from tfmlflow.data.augment.mixing import Mixing, mixed
from tfmlflow.data.batches.examples import Batch
from tfmlflow.data.record import Split
from tfmlflow.errors import UsageError

Augment = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""(images float32 (batch, height, width, channels), seed int64 (2,)) -> images of the same shape."""
Images = Callable[[tf.Tensor, tf.Tensor, Any, Any], tf.Tensor]
"""(images, seed, their places in the batch of all workers or None for a whole one, its size) -> images."""


@dataclass(frozen=True)
class Augmentation:
    """Ours: an `Augment` that draws for each example by its place in the batch of all workers.

    Attributes:
        images: Changes each image by itself; None: nothing does.
        mixing: Of pairs of them; None: they are not mixed.
        colours: Which of its strengths shift colours, and cut them to [0, 1]: `brightness=0.1`.
    """

    images: Images | None
    mixing: Mixing | None = None
    colours: tuple[str, ...] = ()

    def __call__(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Images of a whole batch, each changed by itself."""
        return self.part(images, seed, None, tf.shape(images)[0])

    def part(self, images: tf.Tensor, seed: tf.Tensor, places: Any, size: Any) -> tf.Tensor:
        """Those at some places of a batch of `size`, changed as they are where all are together."""
        return images if self.images is None else self.images(images, seed, places, size)


class Change:
    """Changes the batches of one worker.

    Args:
        augment: Ours or one's own; of one's own each worker draws for itself, since it is not told of places.
        seed: Start of every random choice.
        share: (number, of how many): the part of each batch that this worker has.
        classes: Of labels that are indices; 0: of others.
    """

    def __init__(self, augment: Augment, seed: int, share: tuple[int, int] = (0, 1), classes: int = 0) -> None:
        self._augment, self._seed, self._share, self._classes = augment, seed, share, classes
        self._mixing = mixing_of(augment)

    def whole(self, batch: Batch, step: tf.Tensor) -> Batch:
        """All of a step's batch, changed."""
        x, *rest = batch
        seed = tf.stack([tf.constant(self._seed, tf.int64), step])
        x = self._augment(x, seed)
        if self._mixing is None:
            return x, *rest
        size = tf.shape(x)[0]
        places, drawn = tf.range(size), _of_mixing(seed)
        partners = self._mixing.partners(places, size, drawn[0])
        batch = (x, *rest)
        other = tuple(tf.gather(one, partners) for one in batch)
        return mixed(batch, other, self._mixing.kept(x, places, size, drawn[1]), self._classes)

    def part(self, fetch: Callable[[tf.Tensor], Batch], chosen: tf.Tensor, places: tf.Tensor, step: tf.Tensor) -> Batch:
        """This worker's part of a step's batch, changed as if it had all of it.

        Args:
            fetch: Gets examples.
            chosen: Those of the whole batch.
            places: This worker's in it.
            step: Since the training began.
        """
        if self._share[1] == 1:
            return self.whole(fetch(chosen), step)
        augment = self._augment
        if not isinstance(augment, Augmentation):
            x, *rest = fetch(tf.gather(chosen, places))
            seed = self._seed + self._share[0] * 2**32  # of other draws than those of other workers
            return augment(x, tf.stack([tf.constant(seed, tf.int64), step])), *rest
        seeds, size = tf.stack([tf.constant(self._seed, tf.int64), step]), tf.shape(chosen)[0]

        def at(some: tf.Tensor) -> Batch:
            x, *rest = fetch(tf.gather(chosen, some))
            return augment.part(x, seeds, some, size), *rest

        batch = at(places)
        if self._mixing is None:
            return batch
        drawn = _of_mixing(seeds)
        other = at(self._mixing.partners(places, size, drawn[0]))
        return mixed(batch, other, self._mixing.kept(batch[0], places, size, drawn[1]), self._classes)


def mixing_of(augment: Augment | None) -> Mixing | None:
    """How an augmentation mixes examples; None if it does not."""
    return augment.mixing if isinstance(augment, Augmentation) else None


def _of_mixing(seed: tf.Tensor) -> list[tf.Tensor]:
    """Two seeds beside those that each image is changed by."""
    last = tf.random.experimental.stateless_split(seed, 4)[3]
    two = tf.random.experimental.stateless_split(last, 2)
    return [two[0], two[1]]


def require_fit(augment: Augment | None, split: Split) -> None:
    """Refuse data that cannot be augmented so.

    Raises:
        UsageError: They are several inputs, no images, token ids, or images whose numbers are not from 0 to 1.
    """
    if augment is None:
        return
    x = split.x
    if isinstance(x, Mapping):
        raise UsageError(f"augment: changes one input, the data have {', '.join(x)}; take augment=none")
    if not isinstance(augment, Augmentation) or split.decode is not None or split.read is not None:
        return
    shape, mixing = x.shape[1:], augment.mixing
    key = "augment" if augment.images is not None else f"augment.cutmix={mixing.cutmix if mixing else 0.0}"
    if (augment.images is not None or (mixing is not None and mixing.cutmix)) and len(shape) != 3:
        raise UsageError(
            f"{key}: needs images (height, width, channels), and an example of the data has the shape {shape}; "
            "take augment=none, or augment=mix augment.mixup=0.2 for numbers of any shape"
        )
    if mixing is not None and x.dtype.kind in "iu" and x.dtype.itemsize > 1:
        raise UsageError(f"augment.mixup={mixing.mixup}: the data are {x.dtype}, which no mean is one of; set it to 0")
    if augment.images is not None:
        require_colours(augment.colours, split)
