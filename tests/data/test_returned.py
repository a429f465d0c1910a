"""What loaders of somebody's own may return."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmlflow.data.returned import as_data
from tfmlflow.errors import UsageError

X = np.arange(120, dtype=np.float32).reshape(40, 3)
Y = np.arange(40) % 4


class Sequence(keras.utils.PyDataset):
    """Somebody's own batches."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Any:
        return X, Y


@pytest.mark.parametrize(
    ("y", "task", "classes"),
    [
        (Y, "multiclass", 4),
        (Y.reshape(-1, 1), "multiclass", 4),
        (np.eye(4)[Y], "multiclass", 4),
        (Y % 2, "binary", 2),
        ((Y % 2).astype(bool), "binary", 2),
        (Y / 3, "regression", 0),
        (np.stack([Y / 3, Y], axis=1), "regression", 0),
        (list(Y), "multiclass", 4),
        (tf.constant(Y), "multiclass", 4),
    ],
)
def test_arrays_are_taken_by_what_they_hold(y: Any, task: str, classes: int) -> None:
    data = as_data((X, y), "mine.load", seed=0)
    assert (data.task, data.classes, data.input_shape) == (task, classes, (3,))
    assert len(data.train) + len(data.validation) + len(data.test) == 40


def test_a_second_pair_is_the_test_set() -> None:
    data = as_data(((X, Y), (X[:8], Y[:8])), "mine.load", seed=0)
    assert np.array_equal(data.test.x, X[:8])
    assert len(data.train) + len(data.validation) == 40


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        (tf.data.Dataset.from_tensor_slices((X, Y)), "Dataset"),
        (Sequence(), "Sequence"),
        (None, "NoneType"),
        ((X,), "tuple"),
        ((X, Y, Y, Y), "tuple"),
        ((X, Y, -Y), "weights from -3 to 0"),
        ((X, Y, np.eye(40)), r"weights of the shape (40, 40)"),
        (((X, Y), (X, Y, Y)), "weights of the test set"),
        (({"a": X, "b": X[:7]}, Y), "input 'b' has the shape (7, 3)"),
        (({}, Y), "without any input"),
        (({"a": X, "b": ["x"] * 40}, Y), "must hold numbers"),
        ({"x": X}, "dict"),
        ((X, Y[:7]), "as many of both"),
        ((X, np.array(["a"] * 40)), "must hold numbers"),
        ((X.astype(object), Y), "must hold numbers"),
    ],
)
def test_other_things_are_refused_by_name(returned: Any, says: str) -> None:
    with pytest.raises(UsageError, match=r"data(\._target_=mine\.load|=custom): ") as caught:
        as_data(returned, "mine.load", seed=0)
    assert says in str(caught.value)
