"""Data sets that Keras downloads, or that lie in a local file of the same layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmlflow.errors import UsageError

Arrays = tuple[tuple[NDArray[Any], NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]


def arrays(name: str, path: str | None, keras_loader: Callable[[], Arrays]) -> Arrays:
    """The arrays (x_train, y_train), (x_test, y_test) of an npz file at `path`, or of Keras's own loader.

    Raises:
        UsageError: The file lacks an array, or the download fails; the message says which file to put where.
    """
    if path is not None:
        return _from_npz(name, Path(path))
    try:
        return keras_loader()
    except Exception as error:
        raise UsageError(
            f"data={name}: the download failed ({str(error).splitlines()[0]}).\n"
            f"  Put a file {name}.npz with the arrays x_train, y_train, x_test, y_test somewhere "
            f"and name it: data={name} data.path=/path/to/{name}.npz"
        ) from error


def _from_npz(name: str, path: Path) -> Arrays:
    wanted = ("x_train", "y_train", "x_test", "y_test")
    try:
        with np.load(path, allow_pickle=False) as file:
            if missing := [key for key in wanted if key not in file]:
                raise UsageError(
                    f"data.path={path}: no array {', '.join(missing)} in it; it has {', '.join(file) or 'none'}. "
                    f"data={name} needs {', '.join(wanted)}"
                )
            x_train, y_train, x_test, y_test = (file[key] for key in wanted)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(
            f"data.path={path}: not an npz file of plain arrays that numpy can read. "
            f"data={name} needs one with the arrays {', '.join(wanted)}"
        ) from error
    for key, part in (("train", (x_train, y_train)), ("test", (x_test, y_test))):
        if len(part[0]) != len(part[1]):
            raise UsageError(f"data.path={path}: x_{key} has {len(part[0])} examples, y_{key} has {len(part[1])}")
    return (x_train, y_train), (x_test, y_test)


def images(
    name: str,
    path: str | None,
    keras_loader: Callable[[], Arrays],
) -> Arrays:
    """As `arrays`, with a channel axis on the images and class indices of shape `(n,)`."""
    (x_train, y_train), (x_test, y_test) = arrays(name, path, keras_loader)
    if x_train.ndim not in (3, 4):
        raise UsageError(
            f"data.path={path}: x_train has the shape {x_train.shape}; data={name} needs (n, height, width) "
            "or (n, height, width, channels)"
        )

    def with_channels(x: NDArray[Any]) -> NDArray[Any]:
        return x[..., None] if x.ndim == 3 else x

    return (with_channels(x_train), y_train.ravel()), (with_channels(x_test), y_test.ravel())
