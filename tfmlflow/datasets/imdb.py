"""IMDB film reviews as word indices: 25,000 to train on and 25,000 to test, positive or negative."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfmlflow.data.record import Data
from tfmlflow.data.splits import from_arrays
from tfmlflow.datasets import download
from tfmlflow.errors import UsageError

UNKNOWN = 2  # Keras: 0 pads, 1 starts a review, 2 stands for words that were left out


def load(
    path: str | None = None,
    words: int = 10_000,
    length: int = 200,
    validation_share: float = 0.1,
    seed: int = 0,
    folds: int | None = None,
    fold: int = 0,
) -> Data:
    """Reviews int32 (length,), padded with 0 at the front, the `words` most frequent words.

    Args:
        path: An npz file: x_train and x_test integer arrays (n, any length), 0 where there is no word.
        words: Size of the vocabulary; rarer words become one index.
        length: Words of each review; of longer ones the last.
        validation_share: Share of the training reviews held out.
        seed: Decides which.
        folds, fold: Of a cross-validation: how many folds, and which of them validates, from 0.

    Returns:
        Token ids int32 `(length,)`; labels int32 `(n, 1)`, 1 for a positive review.

    Raises:
        UsageError: The file is not there or of another layout, or the download failed.
    """
    (x, y), (x_test, y_test) = download.arrays("imdb", path, keras.datasets.imdb.load_data)
    return from_arrays(
        "imdb",
        padded(x, words, length),
        y.ravel(),
        test=(padded(x_test, words, length), y_test.ravel()),
        task="binary",
        validation_share=validation_share,
        seed=seed,
        folds=folds,
        fold=fold,
        class_names=("negative", "positive"),
        vocabulary=words,
        source=path or "keras.datasets.imdb",
    )


def padded(reviews: NDArray[Any], words: int, length: int) -> NDArray[np.int32]:
    """Reviews of any length as one array int32 (n, length)."""
    if reviews.dtype.kind not in "iuO":
        raise UsageError(f"data=imdb: x_train holds {reviews.dtype}; it needs word indices, integers from 0")
    rows = [np.asarray(review, dtype=np.int64) for review in reviews]
    if reviews.dtype != object:
        rows = [row[row > 0] for row in rows]
    table = keras.utils.pad_sequences(rows, maxlen=length, dtype="int32")
    return np.where(table < words, table, UNKNOWN).astype(np.int32)
