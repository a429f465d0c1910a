"""Handwritten digits of 8x8 pixels, 1,797 examples, shipped with scikit-learn."""

import numpy as np

from tfmlflow.data.record import Data
from tfmlflow.data.splits import from_arrays


def load(validation_share: float = 0.1, test_share: float = 0.2, seed: int = 0) -> Data:
    """Images float32 (8, 8, 1) in [0, 1], ten classes."""
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
        class_names=tuple(str(digit) for digit in range(10)),
        source="sklearn.datasets.load_digits",
    )
