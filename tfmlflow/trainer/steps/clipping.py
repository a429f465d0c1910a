"""Gradients that are clipped as those of the whole batch, where several copies of a model have parts of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def of_all(optimizer: Any, gradients: Sequence[Any]) -> list[Any]:
    """What each replica is to apply, so that what the optimizer makes of them all is the clipped sum.

    Keras clips each replica's part and adds these up: the threshold would be as many times as high as there are
    replicas. So they are summed and clipped here, as the optimizer does it; the first replica applies the result, which
    is clipped already, and the others nothing. Rows of an embedding stay rows, which some optimizers square one by one.

    Args:
        optimizer: Its `clipnorm`, `global_clipnorm` and `clipvalue` say how.
        gradients: Of this replica, of the loss as the optimizer has scaled it; None of what has none.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1 or not is_clipped(inner):
        return list(gradients)
    known = [one for one in gradients if one is not None]
    scale = float(inner.loss_scale_factor or 1.0)
    sums = [_times(total, 1.0 / scale) for total in context.all_reduce(tf.distribute.ReduceOp.SUM, known)]
    mine = tf.where(tf.equal(context.replica_id_in_sync_group, 0), scale, 0.0)
    clipped = iter([_times(one, mine) for one in _clipped(inner, sums)])
    return [None if one is None else next(clipped) for one in gradients]


def is_clipped(optimizer: Any) -> bool:
    """Whether an optimizer clips gradients."""
    return bool(optimizer.clipnorm or optimizer.global_clipnorm or optimizer.clipvalue)


def _clipped(optimizer: Any, gradients: Sequence[Any]) -> Sequence[Any]:
    """As the optimizer does it, but for rows that a norm of all makes it fill up, so that it would clip them again."""
    if optimizer.clipnorm or not optimizer.global_clipnorm:
        clipped: Sequence[Any] = optimizer._clip_gradients(gradients)
        return clipped
    most = optimizer.global_clipnorm
    norm = tf.linalg.global_norm(gradients)
    return [_times(one, most / tf.maximum(norm, most)) for one in gradients]


def _times(gradient: Any, factor: Any) -> Any:
    """A gradient times a number, its rows alone where it has but some."""
    if isinstance(gradient, tf.IndexedSlices):
        return tf.IndexedSlices(_times(gradient.values, factor), gradient.indices, gradient.dense_shape)
    return gradient * tf.cast(factor, gradient.dtype)
