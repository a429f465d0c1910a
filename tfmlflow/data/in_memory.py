"""Examples that are decoded once and kept, in place of once an epoch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tensorflow as tf

from tfmlflow.data.record import Data, Split


def in_memory(data: Data) -> Data:
    """The same data with every example decoded, uint8 `(n, *input_shape)`; a byte of memory for each number."""
    return replace(
        data,
        train=_decoded(data.train),
        validation=_decoded(data.validation),
        test=_decoded(data.test),
    )


def _decoded(split: Split) -> Split:
    if split.decode is None or len(split) == 0:
        return split
    with tf.device("/CPU:0"):
        examples = tf.data.Dataset.from_tensor_slices(split.x).map(split.decode, num_parallel_calls=tf.data.AUTOTUNE)
        return replace(split, x=np.stack(list(examples.as_numpy_iterator())), decode=None)
