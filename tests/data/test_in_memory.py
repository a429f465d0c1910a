"""`data.cache=memory`: the same batches, decoded once."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfmlflow.data.batches.in_memory import in_memory
from tfmlflow.data.pipeline import Pipeline
from tfmlflow.data.splits import from_arrays


def test_batches_are_the_same_and_nothing_is_decoded_any_more() -> None:
    x = np.arange(40 * 3, dtype=np.uint8).reshape(40, 3)
    data = from_arrays(
        "turned",
        x,
        np.arange(40) % 2,
        task="multiclass",
        input_shape=(3,),
        decode=lambda one: tf.ensure_shape(one[::-1], (3,)),
    )
    kept = in_memory(data)
    assert all(split.decode is None for split in (kept.train, kept.validation, kept.test))
    before, after = (list(Pipeline(each.train, 8, seed=1).dataset.as_numpy_iterator()) for each in (data, kept))
    for (x_before, y_before), (x_after, y_after) in zip(before, after, strict=True):
        np.testing.assert_array_equal(x_before, x_after)
        np.testing.assert_array_equal(y_before, y_after)
