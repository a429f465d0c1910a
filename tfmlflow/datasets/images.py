"""Pictures in folders, one folder a class; decoded as they are needed, so that they need not fit into memory."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tfmlflow.data.bad import OnBad
from tfmlflow.data.digest import of_files
from tfmlflow.data.pictures import readable
from tfmlflow.data.record import Data
from tfmlflow.data.splits import from_arrays
from tfmlflow.datasets import class_folders
from tfmlflow.errors import UsageError
from tfmlflow.predictor.pictures import decoder
from tfmlflow.predictor.preparation import Preparation

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif")


def load(
    path: str,
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
        path: Folder with a folder for each class; or with `train` and `test`, each with a folder for each class.
        size: Height and width to resize to, pixels.
        channels: 1 grey, 3 colour.
        validation_share, test_share: Shares held out, each in (0, 1).
        seed: Decides which examples go where.
        folds, fold: Of a cross-validation: how many folds, and which of them validates, from 0.
        on_bad: What is done with pictures that cannot be read: `error` refuses them, `skip` leaves them out.
        prepared: What a model was trained with: its classes and the size that it takes.

    Returns:
        File names, decoded in the pipeline to uint8 `(height, width, channels)`; labels int32 `(n,)`.

    Raises:
        UsageError: There are not two classes, or pictures that cannot be read, which are named.
    """
    if prepared is not None:
        size, channels = sizes(prepared, path)
    root = Path(path)
    (x, y), test, names = class_folders.files(root, ENDINGS, "picture", prepared)
    files = [Path(str(file)) for file in (*x, *(test[0] if test else ()))]
    decode = decoder(tuple(size), channels, read=True)
    shown = [str(file.relative_to(root)) for file in files]
    whole, skipped = readable(f"data.path={path}", shown, [*map(str, files)], decode, on_bad)
    if skipped:
        files = [file for file, fine in zip(files, whole, strict=True) if fine]
        kept, kept_test = whole[: len(y)], whole[len(y) :]
        x, y, test = x[kept], y[kept], None if test is None else (test[0][kept_test], test[1][kept_test])
    return from_arrays(
        "images",
        x,
        y,
        test=test,
        task="binary" if len(names) == 2 else "multiclass",
        validation_share=validation_share,
        test_share=test_share,
        seed=seed,
        folds=folds,
        fold=fold,
        input_shape=(*size, channels),
        digest=of_files(files, root),
        class_names=names,
        decode=decode,
        source=path,
        sample=pd.DataFrame({"image": [files[-1].read_bytes()]}),
        skipped=skipped,
        preparation=Preparation("pictures", "", names, size=tuple(size), channels=channels),
    )


def sizes(prepared: Preparation, path: str) -> tuple[tuple[int, int], int]:
    """Of the pictures that a model was trained on.

    Raises:
        UsageError: It was trained on something else.
    """
    if prepared.kind != "pictures":
        raise UsageError(f"data.path={path}: pictures, but the model was trained on {prepared.kind}")
    height, width = prepared.size
    return (height, width), prepared.channels
