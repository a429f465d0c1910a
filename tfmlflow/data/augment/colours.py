"""The numbers that images have to be of, so that moving and recolouring them leaves images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfmlflow.data.record import Split
from tfmlflow.errors import UsageError

LOOKED_AT = 32  # examples, whose colours stand for those of all


def require_colours(strengths: Sequence[str], split: Split) -> None:
    """Refuse images of whole numbers, and others than those from 0 to 1 where colours are shifted and cut to that.

    Args:
        strengths: Those that shift colours: `brightness=0.1`.
        split: Of images `(n, height, width, channels)`, in memory or in batches of somebody's own.

    Raises:
        UsageError: They are such.
    """
    x: Any = split.x
    fix = "scale them to float32 from 0 to 1"
    if x.dtype == np.uint8 and (split.own is None or not strengths):  # the pipeline scales its own
        return
    if split.own is None:
        fix += ", or give them as uint8"
    if x.dtype.kind != "f":
        raise UsageError(
            f"augment: images of {x.dtype} can be neither moved nor recoloured; {fix}, or take augment=none"
        )
    if not strengths:
        return
    seen = x if split.own is None else split.own.first
    seen = seen[np.linspace(0, len(seen) - 1, min(LOOKED_AT, len(seen)), dtype=np.int64)]
    least, most = float(seen.min()), float(seen.max())
    if least < -1e-3 or most > 1.001:
        keys = " and ".join(f"augment.{strength.split('=')[0]}" for strength in strengths)
        raise UsageError(
            f"augment.{strengths[0]}: needs images from 0 to 1, to which it cuts them, and these go from {least:.4g} "
            f"to {most:.4g}; {fix}, or set {keys} to 0"
        )
