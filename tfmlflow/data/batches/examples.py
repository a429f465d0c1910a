"""Examples gathered by their places, as the model sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfmlflow.data.inputs import each
from tfmlflow.data.record import Split

Batch = tuple[Any, ...]
"""(x, y) or (x, y, weight); x may be several inputs by name."""


def held(split: Split) -> tf.data.Dataset:
    """All examples of a split as one element, again and again: for workers that gather batches from it."""
    return tf.data.Dataset.from_tensors(_content(split)).repeat()


def rows(split: Split, content: Batch, chosen: tf.Tensor) -> Batch:
    """Examples of a split, as the model sees them.

    Args:
        split: Says what its content is.
        content: Of it, in tensors: an element of `held`.
        chosen: Places of the examples.
    """
    x, *rest = content
    found = each(x, lambda one: tf.gather(one, chosen))
    if split.read is not None:
        found = split.read(found)
    if split.decode is not None:
        found = tf.map_fn(split.decode, found, fn_output_signature=tf.uint8)
    return each(found, _as_seen), *(tf.gather(one, chosen) for one in rest)


def _as_seen(x: tf.Tensor) -> tf.Tensor:
    if x.dtype == tf.uint8:
        return tf.cast(x, tf.float32) * (1.0 / 255.0)
    return tf.cast(x, tf.float32) if x.dtype.is_floating else x


def _content(split: Split) -> Any:
    return (split.x, split.y) if split.weight is None else (split.x, split.y, split.weight)


def fetcher(split: Split) -> Callable[[tf.Tensor], Batch]:
    """Gets examples of a split by their places, as the model sees them, inside a graph."""
    with tf.device("/CPU:0"):
        content = tuple(each(part, tf.constant) for part in _content(split))
    return lambda chosen: rows(split, content, chosen)
