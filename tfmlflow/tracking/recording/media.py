"""Figures, pictures and tables as the files that MLflow's pages show."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfmlflow.tracking.run.session import Session
from tfmlflow.tracking.store import names

SMALL = 256  # pixels of the longer side of a picture in MLflow's grid
IMAGES = "images"  # where MLflow looks for pictures by step
LOGGED_IMAGES = "mlflow.loggedImages"  # tag by which its pages know of them
CELL, GAP = 96, 2  # pixels of a small image that is magnified, and of the white between two
CELLS = 640  # pixels of the longer side of a matrix


def figure(made: Any, file: Path) -> None:
    """A figure of matplotlib, or one of plotly as a page or a picture, by the file's ending.

    Raises:
        TypeError: It is none.
    """
    if hasattr(made, "savefig"):
        made.savefig(file, bbox_inches="tight")
    elif hasattr(made, "write_html") and file.suffix in (".html", ""):
        made.write_html(file, include_plotlyjs="cdn")
    elif hasattr(made, "write_image"):
        made.write_image(file)
    else:
        raise TypeError(f"a {type(made).__name__} is no figure of matplotlib or plotly")


def table(rows: Any, file: Path) -> None:
    """Columns by name, or a DataFrame, as MLflow's `log_table` writes it.

    Raises:
        TypeError: It is neither.
    """
    import pandas as pd

    if isinstance(rows, Mapping):
        single = not any(hasattr(values, "__len__") and not isinstance(values, str) for values in rows.values())
        rows = pd.DataFrame([rows] if single else rows)
    if not isinstance(rows, pd.DataFrame):
        raise TypeError(f"a {type(rows).__name__} is no table: give columns by name, or a DataFrame")
    rows.to_json(file, orient="split", index=False, date_format="iso", default_handler=str)


def log_image(session: Session, pixels: Any, key: str, step: int) -> None:
    """Store a picture that MLflow shows by step; as of `image`."""
    folder = session.staging / IMAGES
    folder.mkdir(mode=0o700, exist_ok=True)
    for file in image(pixels, folder, names.legal(key), step, int(session.now() * 1000)):
        session.artifact(file, IMAGES)
    session.tags({LOGGED_IMAGES: True})


def heat(matrix: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A matrix as a picture, uint8 `(height, width)`: each row by its largest value, dark for much."""
    largest = np.maximum(np.nanmax(np.abs(matrix), axis=1, keepdims=True), 1e-12)
    shades = 255 - np.round(255 * np.nan_to_num(np.abs(matrix) / largest)).astype(np.uint8)
    size = max(1, min(32, CELLS // max(matrix.shape)))
    return np.kron(shades, np.ones((size, size), np.uint8))


def grid(rows: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Rows of images, float `(n, height, width, 1, 3 or 4)`, as one picture; small ones are magnified.

    What is not in [0, 1], such as standardized pixels, is brought there, all rows alike.
    """
    low, high = min(row.min() for row in rows), max(row.max() for row in rows)
    if low < 0 or high > 1:
        rows = [(row - low) / max(high - low, 1e-12) for row in rows]
    height, width = rows[0].shape[1:3]
    factor = max(1, CELL // max(height, width))
    gap = ((0, 0), (GAP, GAP), (GAP, GAP), (0, 0))
    framed = [np.pad(row.repeat(factor, 1).repeat(factor, 2), gap, constant_values=1.0) for row in rows]
    picture: np.ndarray[Any, Any] = np.concatenate([np.concatenate(list(row), axis=1) for row in framed], axis=0)
    return picture


def save(pixels: Any, file: Path) -> None:
    """Write a picture; as of `image`."""
    from PIL import Image

    Image.fromarray(_bytes(np.asarray(pixels))).save(file)


def image(pixels: Any, folder: Path, key: str, step: int, milliseconds: int) -> list[Path]:
    """A picture under the names by which MLflow's charts find it by key and step, whole and small.

    Args:
        pixels: `(height, width)` or `(height, width, 1, 3 or 4)`: uint8, or float in [0, 1]; or a picture of Pillow's.
        folder: Where to.
        key: What it shows; the same at each step.
        step: Of the training.
        milliseconds: Since 1970.

    Raises:
        TypeError, ValueError: It is no picture.
    """
    from PIL import Image

    whole = pixels if isinstance(pixels, Image.Image) else Image.fromarray(_bytes(np.asarray(pixels)))
    name = f"{key.replace('/', '~')}+step+{step}+timestamp+{milliseconds}+{uuid.uuid4()}"
    files = [folder / f"{name}.png", folder / f"{name}+compressed.webp"]
    whole.save(files[0])
    scale = min(1.0, SMALL / max(whole.size))
    whole.resize((max(1, int(whole.width * scale)), max(1, int(whole.height * scale)))).save(files[1])
    return files


def _bytes(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[-1] not in (3, 4)):
        raise ValueError(f"a picture is (height, width) or (height, width, 1, 3 or 4), not {pixels.shape}")
    if pixels.dtype.kind == "f":
        if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
            raise ValueError(f"pixels of float are in [0, 1], not {pixels.min():.4g} to {pixels.max():.4g}")
        return np.round(pixels * 255).astype(np.uint8)
    if pixels.dtype.kind == "b":
        return pixels.astype(np.uint8) * 255
    if pixels.dtype.kind not in "iu" or pixels.min() < 0 or pixels.max() > 255:
        found = f"{pixels.dtype} from {pixels.min()} up to {pixels.max()}"
        raise ValueError(f"pixels are whole numbers from 0 to 255, or float in [0, 1], not {found}")
    return pixels.astype(np.uint8)
