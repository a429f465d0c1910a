"""What stands between pictures as the pipeline gives them, in [0, 1], and a base as it was trained.

All of it are layers and operations of Keras's own that a stored model is read with: no lambdas.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tfmlflow.data.pipeline import example
from tfmlflow.data.record import Data
from tfmlflow.errors import UsageError

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pixels in [0, 1]; red, green, blue
BLUE_FIRST = (103.939, 116.779, 123.68)  # the mean of Caffe's networks, of pixels from 0 to 255
LOOKED_AT = 32  # examples


def as_trained(x: Any, mode: str) -> Any:
    """Pictures as a base takes them.

    Args:
        x: Red, green and blue in [0, 1], `(batch, height, width, 3)`.
        mode: `tf`, `torch`, `caffe`, `pixels`, as keras.applications call them; or `none`.
    """
    scale: Any
    offset: Any
    if mode == "none":
        return x
    if mode == "caffe":
        x = keras.ops.flip(x, axis=-1)
        scale, offset = 255.0, [-mean for mean in BLUE_FIRST]
    elif mode == "torch":
        scale = [1.0 / one for one in DEVIATION]
        offset = [-mean / one for mean, one in zip(MEAN, DEVIATION, strict=True)]
    else:
        scale, offset = (2.0, -1.0) if mode == "tf" else (255.0, 0.0)
    return keras.layers.Rescaling(scale, offset, dtype="float32", name=f"as_{mode}")(x)


def coloured(x: Any, channels: int, key: str) -> Any:
    """Pictures of as many channels as a base takes: grey ones three times.

    Raises:
        UsageError: They have others.
    """
    has = x.shape[-1]
    if has == channels:
        return x
    if (has, channels) != (1, 3):
        raise UsageError(f"{key}: takes pictures of {channels} channels, these have {has}; data.channels={channels}")
    return keras.layers.Concatenate(name="grey_as_colours")([x, x, x])


def resized(x: Any, size: tuple[int, int] | None) -> Any:
    """Pictures of a height and width, pixels; None: as they are."""
    if size is None or tuple(x.shape[1:3]) == tuple(size):
        return x
    return keras.layers.Resizing(*size, name="resized")(x)


def require_fractions(data: Data, mode: str) -> None:
    """Refuse pictures that are not in [0, 1], of which a base would see something else than it knows.

    Raises:
        UsageError: They are not.
    """
    if mode == "none":
        return
    sample = np.asarray(example(data.train, min(LOOKED_AT, len(data.train))))
    least, most = float(sample.min()), float(sample.max())
    if least < -1e-3 or most > 1.001:
        raise UsageError(
            f"model.preprocessing={mode}: needs pictures uint8, or from 0 to 1, and those of data={data.name} go from "
            f"{least:.4g} to {most:.4g}; scale them, or take them as they are by model.preprocessing=none"
        )
