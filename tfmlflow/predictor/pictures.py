"""Encoded pictures, as uint8 arrays of the size that a model takes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from .preparation import Unfit


def decoder(size: tuple[int, ...], channels: int, read: bool = False) -> Any:
    """Graph function from a file name (`read`) or encoded bytes to an image uint8 (*size, channels)."""

    def decode(blob: tf.Tensor) -> tf.Tensor:
        content = tf.io.read_file(blob) if read else blob
        image = tf.io.decode_image(content, channels=channels, expand_animations=False)
        return resized(image, size)

    return decode


def resized(image: tf.Tensor, size: tuple[int, ...]) -> tf.Tensor:
    """Pixels uint8 (*size, channels) of an image of any size."""
    return tf.cast(tf.round(tf.image.resize(image, size)), tf.uint8)


def arrays(cells: Iterable[Any], size: tuple[int, ...], channels: int) -> NDArray[np.uint8]:
    """Pictures uint8 `(n, *size, channels)`.

    Args:
        cells: Each an encoded picture (JPEG, PNG, BMP, GIF), bytes or base64; or an array uint8 (height, width,
            channels).
        size, channels: As the model takes them.

    Raises:
        Unfit: Names the place of one that is neither.
    """
    decode, made = decoder(size, channels), []
    for place, cell in enumerate(cells):
        try:
            if isinstance(cell, bytes | bytearray | memoryview):
                made.append(decode(bytes(cell)).numpy())
            elif isinstance(cell, str):
                made.append(decode(base64.b64decode(cell, validate=True)).numpy())
            else:
                made.append(_of_array(np.asarray(cell), size, channels))
        except (tf.errors.InvalidArgumentError, binascii.Error, ValueError, TypeError) as error:
            said = str(getattr(error, "message", error)).splitlines()[0][:200]
            raise Unfit(f"picture {place}: neither JPEG, PNG, BMP, GIF nor an array of pixels: {said}") from error
    return np.stack(made) if made else np.zeros((0, *size, channels), np.uint8)


def _of_array(image: NDArray[Any], size: tuple[int, ...], channels: int) -> NDArray[np.uint8]:
    image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or image.shape[-1] != channels or image.dtype.kind not in "iu":
        raise ValueError(
            f"an array {image.dtype} of the shape {image.shape}; (height, width, {channels}) uint8 is taken"
        )
    if image.size and not 0 <= image.min() <= image.max() <= 255:
        raise ValueError(f"values from {image.min()} to {image.max()}; pixels go from 0 to 255")
    pixels: NDArray[np.uint8] = resized(image.astype(np.uint8), size).numpy()
    return pixels
