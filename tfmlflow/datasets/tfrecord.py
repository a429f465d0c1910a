"""Pictures and labels in TFRecord files of `tf.train.Example`: kept encoded in memory, decoded as they are needed."""

from __future__ import annotations

import glob
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from tfmlflow.data.digest import of_arrays
from tfmlflow.data.pictures import require_readable
from tfmlflow.data.record import Data
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
    prepared: Preparation | None = None,
) -> Data:
    """Images uint8 (height, width, channels), resized.

    Args:
        path: A file, a folder of `*.tfrecord*` files or a glob pattern.
        image_key: Feature with the encoded picture (JPEG, PNG, BMP, GIF), bytes.
        label_key: Feature with the class index, int64.
        size: Height and width to resize to, pixels.
        channels: 1 grey, 3 colour.
        validation_share, test_share, seed: The split.
        prepared: What a model was trained with: its size is taken.

    Returns:
        Encoded pictures, decoded in the pipeline to uint8 `(height, width, channels)`; labels int32 `(n,)`.

    Raises:
        UsageError: There is no such file, or records without the features, which are counted.
    """
    if prepared is not None:
        size, channels = sizes(prepared, path)
    files = sorted(map(str, Path(path).glob("*.tfrecord*"))) if Path(path).is_dir() else sorted(glob.glob(path))
    if not files:
        raise UsageError(f"data.path={path}: no TFRecord file there")
    features = {image_key: tf.io.FixedLenFeature((), tf.string), label_key: tf.io.FixedLenFeature((), tf.int64)}
    blobs: list[bytes] = []
    labels: list[int] = []
    try:
        for image, label in tf.data.TFRecordDataset(files).map(
            lambda record: tuple(tf.io.parse_single_example(record, features)[key] for key in (image_key, label_key))
        ):
            blobs.append(image.numpy())
            labels.append(int(label))
    except (tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
        raise UsageError(
            f"data.path={path}: not tf.train.Example records with {image_key!r} (bytes) and {label_key!r} (int64): "
            f"{error.message.splitlines()[0]} (after {len(blobs):,} records of {len(files)} files)"
        ) from error
    if not blobs:
        raise UsageError(f"data.path={path}: no record in {', '.join(files)}")
    decode = decoder(tuple(size), channels)
    require_readable(f"data.path={path}", [f"record {number}" for number in range(1, len(blobs) + 1)], blobs, decode)
    x, y = np.array(blobs, dtype=object), np.array(labels, dtype=np.int32)
    return from_arrays(
        "tfrecord",
        x,
        y,
        task="multiclass",
        validation_share=validation_share,
        test_share=test_share,
        seed=seed,
        input_shape=(*size, channels),
        digest=of_arrays(x, y),
        decode=decode,
        source=path,
        sample=pd.DataFrame({"image": blobs[:1]}),
        preparation=Preparation("pictures", "", size=tuple(size), channels=channels),
    )
