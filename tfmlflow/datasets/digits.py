"""Handwritten digits of 8x8 pixels, 1,797 examples, shipped with scikit-learn."""

import numpy as np

from tfmlflow.data.record import Data
from tfmlflow.data.splits import from_arrays


def load(
    validation_share: float = 0.1,
    test_share: float = 0.2,
    seed: int = 0,
    folds: int | None = None,
    fold: int = 0,
) -> Data:
    """Handwritten digits, shipped with scikit-learn.

    Args:
        validation_share, test_share: Shares held out, each in (0, 1).
        seed: Decides which examples go where.
        folds, fold: Of a cross-validation: how many folds, and which of them validates, from 0.

    Returns:
        1,797 pictures float32 `(8, 8, 1)` in [0, 1], labels int32 `(n,)` of ten classes.

    Raises:
        UsageError: A split would be empty.

    Example:
        >>> data = load(seed=1)
        >>> data.input_shape, data.classes, len(data.train), len(data.test)
        ((8, 8, 1), 10, 1294, 359)
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return from_arrays(
        "digits",
        (bunch.images[..., None] / 16.0).astype(np.float32),
        bunch.target,
        task="multiclass",
        validation_share=validation_share,
        test_share=test_share,
        seed=seed,
        folds=folds,
        fold=fold,
        class_names=tuple(str(digit) for digit in range(10)),
        source="sklearn.datasets.load_digits",
    )
