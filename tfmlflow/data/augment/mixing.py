"""Examples mixed with others of their batch: mixup (arXiv:1710.09412) and cutmix (arXiv:1905.04899)."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Mixing:
    """Which examples are mixed, and where each keeps its own.

    Attributes:
        mixup, cutmix: The alpha of Beta(alpha, alpha), out of which each example's share is drawn; 0: off. With both
            on, each example is mixed by one of them, with even chances.
    """

    mixup: float = 0.0
    cutmix: float = 0.0

    def partners(self, places: tf.Tensor, size: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Places in a batch of `size` of those that the ones at `places` are mixed with: as many further on, all alike.

        The order of a batch is random already; none is its own partner, unless it is alone.
        """
        return (places + tf.random.stateless_uniform((), seed, 1, tf.maximum(size, 2), tf.int32)) % size

    def kept(self, x: tf.Tensor, places: tf.Tensor, size: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """How much of each value is the example's own, float32 `(batch, height, width, 1)`, or `(batch, 1, ...)`.

        Args:
            x: The examples, `(batch, *shape)`.
            places: Theirs in the batch of all workers.
            size: Of that batch.
            seed: `(2,)`.
        """
        seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 4), num=4)
        if not self.cutmix:
            return _blended(self.mixup, x, places, size, seeds[0])
        holes = _holes(self.cutmix, x, places, size, seeds[1], seeds[2])
        if not self.mixup:
            return holes
        which = tf.gather(tf.random.stateless_uniform((size,), seeds[3]), places)[:, None, None, None]
        return tf.where(which < 0.5, _blended(self.mixup, x, places, size, seeds[0]), holes)


def _shares(alpha: float, size: tf.Tensor, places: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Out of Beta(alpha, alpha), float32 `(batch,)`: by two of Gamma(alpha), in float64 since small ones vanish."""
    two = tf.random.stateless_gamma((2, size), seed, tf.constant(alpha, tf.float64), dtype=tf.float64) + 1e-300
    return tf.gather(tf.cast(two[0] / (two[0] + two[1]), tf.float32), places)


def _blended(alpha: float, x: tf.Tensor, places: tf.Tensor, size: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return tf.reshape(_shares(alpha, size, places, seed), (-1, *[1] * (x.shape.rank - 1)))


def _holes(
    alpha: float, x: tf.Tensor, places: tf.Tensor, size: tf.Tensor, seed: tf.Tensor, where: tf.Tensor
) -> tf.Tensor:
    """0 in a rectangle of the image's form, somewhere, as far as it is inside the image; else 1."""
    side = tf.sqrt(1.0 - _shares(alpha, size, places, seed))[:, None]
    middle = tf.gather(tf.random.stateless_uniform((2, size), where), places, axis=1)

    def within(axis: int) -> tf.Tensor:
        length = tf.cast(tf.shape(x)[axis], tf.float32)
        return tf.abs(tf.range(length)[None] + 0.5 - middle[axis - 1][:, None] * length) * 2.0 < side * length

    return 1.0 - tf.cast(within(1)[:, :, None, None] & within(2)[:, None, :, None], tf.float32)


def mixed(
    batch: tuple[tf.Tensor, ...], other: tuple[tf.Tensor, ...], kept: tf.Tensor, classes: int
) -> tuple[tf.Tensor, ...]:
    """Two batches as one; a label is the mean of both, weighted by area and, of classes, by the examples' weights.

    So a cross-entropy is the weighted sum of those of both labels.

    Args:
        batch, other: `(x, y)` or `(x, y, weight)`.
        kept: As of `Mixing.kept`.
        classes: Of labels that are indices, which become float32 `(batch, classes)`; 0: of others, whose shape stays.
    """
    (x, y, *weight), (other_x, other_y, *other_weight) = batch, other
    share = tf.reduce_mean(kept, axis=tuple(range(1, kept.shape.rank)))
    first, second = share, 1.0 - share
    weights: tuple[tf.Tensor, ...] = ()
    if weight:
        own, others = first * tf.reshape(weight[0], (-1,)), second * tf.reshape(other_weight[0], (-1,))
        weights = (own + others,)
        if y.dtype.is_integer:
            first, second = (tf.math.divide_no_nan(one, own + others) for one in (own, others))

    def target(labels: tf.Tensor) -> tf.Tensor:
        return tf.one_hot(tf.reshape(labels, (-1,)), classes) if classes else tf.cast(labels, tf.float32)

    def part(labels: tf.Tensor, of: tf.Tensor) -> tf.Tensor:
        known = target(labels)
        return known * tf.reshape(of, (-1, *[1] * (known.shape.rank - 1)))

    return x * kept + other_x * (1.0 - kept), part(y, first) + part(other_y, second), *weights
