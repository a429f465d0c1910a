"""Pictures in folders, one folder a class; decoded as they are needed, so that they need not fit into memory."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfmlflow.data.bad import OnBad
from tfmlflow.data.digest import of_files
from tfmlflow.data.pictures import readable
from tfmlflow.data.record import Data
from tfmlflow.data.splits import from_arrays
from tfmlflow.errors import UsageError
from tfmlflow.predictor.pictures import decoder
from tfmlflow.predictor.preparation import Preparation, Unfit

log = logging.getLogger(__name__)

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif")


def load(
    path: str,
    size: tuple[int, int] = (64, 64),
    channels: int = 3,
    validation_share: float = 0.1,
    test_share: float = 0.2,
    seed: int = 0,
    on_bad: OnBad = "error",
    prepared: Preparation | None = None,
) -> Data:
    """Images uint8 (height, width, channels), resized.

    Args:
        path: Folder with a folder for each class; or with `train` and `test`, each with a folder for each class.
        size: Height and width to resize to, pixels.
        channels: 1 grey, 3 colour.
        validation_share, test_share, seed: The split.
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
    parted = (root / "train").is_dir() and (root / "test").is_dir()
    names = _classes(root / "train" if parted else root, prepared)
    x, y = _files(root / "train" if parted else root, names)
    test = _files(root / "test", names) if parted else None
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


def _classes(root: Path, prepared: Preparation | None) -> tuple[str, ...]:
    if not root.is_dir():
        raise UsageError(f"data.path={root}: no such folder")
    folders = sorted(folder for folder in root.iterdir() if folder.is_dir())
    empty = [folder.name for folder in folders if not any(f.suffix.lower() in ENDINGS for f in folder.rglob("*"))]
    if empty:
        log.warning("data.path=%s: no picture in %s, which is no class then", root, ", ".join(empty))
    names = tuple(folder.name for folder in folders if folder.name not in empty)
    if prepared is not None:
        try:
            prepared.labels(names, f"data.path={root}")
        except Unfit as error:
            raise UsageError(str(error)) from error
        return prepared.classes
    if len(names) < 2:
        wanted = f"a folder with pictures ({', '.join(ENDINGS)}) of each of at least two classes"
        raise UsageError(f"data.path={root}: needs {wanted}; it has {len(names)}")
    return names


def _files(root: Path, names: tuple[str, ...]) -> tuple[NDArray[Any], NDArray[np.int32]]:
    found = [
        (str(file), label)
        for label, name in enumerate(names)
        for file in sorted((root / name).rglob("*"))
        if file.suffix.lower() in ENDINGS
    ]
    if not found:
        raise UsageError(f"data.path={root}: no picture ({', '.join(ENDINGS)}) in the folders {', '.join(names)}")
    return np.array([file for file, _ in found]), np.array([label for _, label in found], dtype=np.int32)
