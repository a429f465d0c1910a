"""Examples as people look at them: a small picture, a row of values, or a text."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmlflow.analysis.wording import plain

SIDE = 96  # pixels of a picture's longer side, at most
SMALLEST = 8  # of the shorter one, where a matrix of numbers is a picture without a channel, or is looked at as one
VALUES = 40  # columns of a row
TEXT = 400  # characters


def is_pictures(x: Any) -> bool:
    """Whether an array can be looked at: `(n, height, width, 1, 3 or 4)`."""
    return getattr(x, "ndim", 0) == 4 and x.shape[-1] in (1, 3, 4) and x.dtype.kind in "fiu"


def pictures(x: NDArray[Any]) -> list[str]:
    """Small PNGs as addresses that hold them, `(n, height, width, 1, 3 or 4)`.

    What is not in [0, 1], such as standardized pixels, is brought there, all of them alike.
    """
    numbers = np.nan_to_num(np.asarray(x, np.float32))
    low, high = float(numbers.min(initial=0.0)), float(numbers.max(initial=1.0))
    if low < 0 or high > 1:
        numbers = (numbers - low) / max(high - low, 1e-12)
    return [address(np.round(one * 255).astype(np.uint8)) for one in numbers]


def address(pixels: NDArray[np.uint8], side: int = SIDE) -> str:
    """A picture `(height, width)` or with 1, 3 or 4 channels, as an address that holds it."""
    from PIL import Image

    image = Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels)
    if max(image.size) > side:
        image.thumbnail((side, side))
    content = io.BytesIO()
    image.save(content, format="png")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def rows(x: NDArray[Any], names: Sequence[str]) -> list[list[tuple[str, str]]]:
    """Values `(n, columns)` by the columns' names."""
    called = names if len(names) == x.shape[1] else [str(place) for place in range(x.shape[1])]
    return [[(name, f"{value:.5g}") for name, value in zip(called[:VALUES], one, strict=False)] for one in x]


def table_rows(frame: Any) -> list[list[tuple[str, str]]]:
    """Rows of a DataFrame as they stand in the file; a missing value is empty."""
    missing = frame.isna().to_numpy()
    cells = frame.to_numpy(dtype=object)
    return [
        [
            (plain(str(name)), "" if gone else plain(str(value))[:TEXT])
            for name, value, gone in zip(list(frame.columns)[:VALUES], one, absent, strict=False)
        ]
        for one, absent in zip(cells, missing, strict=True)
    ]


def texts(numbers: NDArray[Any], words: Sequence[str], first: int) -> list[str]:
    """The words that a model was given of each text, `(n, length)`; · stands for one that it does not know.

    Args:
        numbers: Of words, 0 for none.
        words: By number, from `first`.
        first: Number of the first word.
    """

    def word(number: int) -> str:
        return words[number - first] if first <= number < first + len(words) else "·"

    return [" ".join(word(int(number)) for number in one if number)[:TEXT] for one in numbers]


def shown(x: Any, names: Sequence[str] = (), words: Sequence[str] = (), first: int = 2) -> list[dict[str, Any]]:
    """Each example as the page takes it; nothing of what cannot be shown.

    Args:
        x: As the model sees them, `(n, *input_shape)`, or several inputs by name.
        names: Of the columns.
        words, first: Of a vocabulary, as of `texts`.
    """
    if isinstance(x, Mapping):
        parts = [{f"{name}": shown(one, (), words, first)} for name, one in x.items()]
        count = len(next(iter(x.values())))
        return [
            _several({name: said[place] for part in parts for name, said in part.items()}) for place in range(count)
        ]
    if x.ndim == 3 and min(x.shape[1:]) >= SMALLEST:
        x = x[..., None]
    if is_pictures(x):
        return [{"picture": one} for one in pictures(x)]
    if x.ndim == 2 and words and x.dtype.kind in "iu":
        return [{"text": one} for one in texts(x, words, first)]
    if x.ndim == 2 and x.dtype.kind in "iuf":
        return [{"cells": one} for one in rows(x, names)]
    return [{} for _ in range(len(x))]


def _several(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Several inputs of an example: one picture or text, and all values."""
    made: dict[str, Any] = {}
    for name, part in parts.items():
        for kind, value in part.items():
            if kind == "cells":
                made.setdefault("cells", []).extend((f"{name} {column}", said) for column, said in value)
            else:
                made.setdefault(kind, value)
    return made
