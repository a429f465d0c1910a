"""Examples that are decoded once and kept, in place of once an epoch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tensorflow as tf

from tfmlflow.data.record import Data, Split

BATCH = 64  # examples that are read at a time


def in_memory(data: Data) -> Data:
    """The same data with every example decoded, uint8 `(n, *input_shape)`; a byte of memory for each number."""
    return replace(
        data,
        train=_decoded(data.train),
        validation=_decoded(data.validation),
        test=_decoded(data.test),
    )


def _decoded(split: Split) -> Split:
    read, decode = split.read, split.decode
    if (read is None and decode is None) or len(split) == 0:
        return split

    def examples(x: tf.Tensor) -> tf.Tensor:
        found = x if read is None else read(x)
        return found if decode is None else tf.map_fn(decode, found, fn_output_signature=tf.uint8)

    with tf.device("/CPU:0"):
        batches = tf.data.Dataset.from_tensor_slices(split.x).batch(BATCH)
        batches = batches.map(examples, num_parallel_calls=tf.data.AUTOTUNE)
        return replace(split, x=np.concatenate(list(batches.as_numpy_iterator())), read=None, decode=None)
