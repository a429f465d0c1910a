"""Files in folders, one folder a class; or in `train` and `test`, each with a folder for each class."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmlflow.errors import UsageError
from tfmlflow.predictor.preparation import Preparation, Unfit

log = logging.getLogger(__name__)

Files = tuple[NDArray[Any], NDArray[np.int32]]
"""Names `(n,)`, and the classes' places int32 `(n,)`."""


def files(
    root: Path, endings: Sequence[str], kind: str, prepared: Preparation | None = None
) -> tuple[Files, Files | None, tuple[str, ...]]:
    """Those to train on, those to test on if they are apart, and the names of the classes.

    Args:
        root: The folder.
        endings: Of the files that are meant, in small letters.
        kind: What one of them is.
        prepared: What a model was trained with: its classes.

    Raises:
        UsageError: There are not two classes.
    """
    parted = (root / "train").is_dir() and (root / "test").is_dir()
    first = root / "train" if parted else root
    names = _classes(first, endings, kind, prepared)
    train = _files(first, names, endings, kind)
    return train, _files(root / "test", names, endings, kind) if parted else None, names


def _classes(root: Path, endings: Sequence[str], kind: str, prepared: Preparation | None) -> tuple[str, ...]:
    if not root.is_dir():
        raise UsageError(f"data.path={root}: no such folder")
    folders = sorted(folder for folder in root.iterdir() if folder.is_dir())
    empty = [folder.name for folder in folders if not any(f.suffix.lower() in endings for f in folder.rglob("*"))]
    if empty:
        log.warning("data.path=%s: no %s in %s, which is no class then", root, kind, ", ".join(empty))
    names = tuple(folder.name for folder in folders if folder.name not in empty)
    if prepared is not None:
        try:
            prepared.labels(names, f"data.path={root}")
        except Unfit as error:
            raise UsageError(str(error)) from error
        return prepared.classes
    if len(names) < 2:
        wanted = f"a folder with {kind}s ({', '.join(endings)}) of each of at least two classes"
        raise UsageError(f"data.path={root}: needs {wanted}; it has {len(names)}")
    return names


def _files(root: Path, names: tuple[str, ...], endings: Sequence[str], kind: str) -> Files:
    found = [
        (str(file), label)
        for label, name in enumerate(names)
        for file in sorted((root / name).rglob("*"))
        if file.suffix.lower() in endings
    ]
    if not found:
        raise UsageError(f"data.path={root}: no {kind} ({', '.join(endings)}) in the folders {', '.join(names)}")
    return np.array([file for file, _ in found]), np.array([label for _, label in found], dtype=np.int32)
