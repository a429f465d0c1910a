"""Diabetes progression after a year from ten measurements, 442 patients, shipped with scikit-learn: regression."""

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
    """Diabetes progression after a year, shipped with scikit-learn: a regression.

    Args:
        validation_share, test_share: Shares held out, each in (0, 1).
        seed: Decides which examples go where.
        folds, fold: Of a cross-validation: how many folds, and which of them validates, from 0.

    Returns:
        442 patients: features float32 `(10,)` of mean 0 and standard deviation 1, targets float32 `(n, 1)` in units
        of 100.

    Raises:
        UsageError: A split would be empty.

    Example:
        >>> load().input_shape
        (10,)
    """
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes()
    return from_arrays(
        "diabetes",
        (bunch.data / bunch.data.std(axis=0)).astype(np.float32),
        (bunch.target / 100.0).astype(np.float32),
        task="regression",
        validation_share=validation_share,
        test_share=test_share,
        seed=seed,
        folds=folds,
        fold=fold,
        feature_names=tuple(bunch.feature_names),
        source="sklearn.datasets.load_diabetes",
    )
