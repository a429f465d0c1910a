"""Pictures and labels in TFRecord files of `tf.train.Example`: read and decoded as they are needed."""

from __future__ import annotations

import glob
from pathlib import Path

import pandas as pd
import tensorflow as tf

from tfmlflow.data.bad import OnBad, settle
from tfmlflow.data.record import Data
from tfmlflow.data.records.examples import Examples
from tfmlflow.data.records.index import Index
from tfmlflow.data.records.reader import Reader
from tfmlflow.data.splits import from_arrays
from tfmlflow.datasets.images import sizes
from tfmlflow.errors import UsageError
from tfmlflow.predictor.pictures import decoder
from tfmlflow.predictor.preparation import Preparation


def load(
    path: str,
    image_key: str = "image",
    label_key: str = "label",
    size: tuple[int, int] = (64, 64),
    channels: int = 3,
    validation_share: float = 0.1,
    test_share: float = 0.2,
    seed: int = 0,
    folds: int | None = None,
    fold: int = 0,
    on_bad: OnBad = "error",
    prepared: Preparation | None = None,
) -> Data:
    """Images uint8 (height, width, channels), resized.

    Args:
        path: A file, a folder of `*.tfrecord*` files or a glob pattern.
        image_key: Feature with the encoded picture (JPEG, PNG, BMP, GIF), bytes.
        label_key: Feature with the class index, int64.
        size: Height and width to resize to, pixels.
        channels: 1 grey, 3 colour.
        validation_share, test_share: Shares held out, each in (0, 1).
        seed: Decides which examples go where.
        folds, fold: Of a cross-validation: how many folds, and which of them validates, from 0.
        on_bad: What is done with records that cannot be read: `error` refuses them, `skip` leaves them out.
        prepared: What a model was trained with: its size is taken.

    Returns:
        Positions of records, which the pipeline reads and decodes to uint8 `(height, width, channels)`; labels int32
        `(n,)`.

    Raises:
        UsageError: There is no such file, or records that cannot be read, which are named.
    """
    if prepared is not None:
        size, channels = sizes(prepared, path)
    files = sorted(map(str, Path(path).glob("*.tfrecord*"))) if Path(path).is_dir() else sorted(glob.glob(path))
    if not files:
        raise UsageError(f"data.path={path}: no TFRecord file there")
    examples, paths = Examples(image_key, label_key, channels), [Path(file) for file in files]
    index, reader = Index.of(paths, examples), Reader(paths)
    if not len(index.labels) and not index.bad:
        raise UsageError(f"data.path={path}: no record in {', '.join(files)}")
    skipped = settle(f"data.path={path}", "records", index.bad, len(index.labels) + len(index.bad), on_bad)

    def pictures(places: tf.Tensor) -> tf.Tensor:
        return examples.pictures(reader.graph(places))

    return from_arrays(
        "tfrecord",
        index.places,
        index.labels,
        task="multiclass",
        validation_share=validation_share,
        test_share=test_share,
        seed=seed,
        folds=folds,
        fold=fold,
        input_shape=(*size, channels),
        digest=index.digest,
        decode=decoder(tuple(size), channels),
        read=pictures,
        source=path,
        sample=pd.DataFrame({"image": pictures(index.places[:1]).numpy()}),
        skipped=skipped,
        preparation=Preparation("pictures", "", size=tuple(size), channels=channels),
    )
