"""CIFAR-10: small colour photographs, 50,000 to train on and 10,000 to test."""

import keras

from tfmlflow.data.record import Data
from tfmlflow.data.splits import from_arrays
from tfmlflow.datasets import download

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


def load(
    path: str | None = None,
    validation_share: float = 0.1,
    seed: int = 0,
    folds: int | None = None,
    fold: int = 0,
) -> Data:
    """Pictures of small colour photographs, ten classes.

    Args:
        path: An npz file laid out as Keras's; None: downloaded into Keras's cache.
        validation_share: Share of the training pictures held out, in (0, 1).
        seed: Decides which.
        folds, fold: Of a cross-validation: how many folds, and which of them validates, from 0.

    Returns:
        Pictures uint8 `(32, 32, 3)`, which the pipeline scales to [0, 1]; labels int32 `(n,)`; the test
        set as published.

    Raises:
        UsageError: The file is not there or of another layout, or the download failed.
    """
    (x, y), test = download.images("cifar10", path, keras.datasets.cifar10.load_data)
    return from_arrays(
        "cifar10",
        x,
        y,
        test=test,
        task="multiclass",
        validation_share=validation_share,
        seed=seed,
        folds=folds,
        fold=fold,
        class_names=CLASSES,
        source=path or "keras.datasets.cifar10",
    )
