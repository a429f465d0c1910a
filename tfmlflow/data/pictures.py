"""Pictures that cannot be read, found before a training meets them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from tfmlflow.data.bad import Bad, OnBad, settle, why

log = logging.getLogger(__name__)

SECONDS = 20.0  # that looking may take; what is left is trusted, and said to be
EVERY = 5.0  # seconds between two lines about looking that has no end set
AT_ONCE = 512  # pictures between two looks at the clock


def readable(
    where: str,
    names: Sequence[str],
    pictures: Sequence[Any],
    decode: Callable[[Any], Any],
    on_bad: OnBad = "error",
    seconds: float = SECONDS,
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Decode every picture once, on all processors.

    Args:
        where: Names the data in messages.
        names: Of the pictures.
        pictures: What `decode` takes.
        decode: Raises for one that is broken.
        on_bad: `error` or `skip`; to skip, all are looked at, for what is trained on is no matter of time.
        seconds: After which the rest is not looked at.

    Returns:
        Which can be read, bool `(n,)`; and what was skipped, a line each.

    Raises:
        UsageError: Names those that are broken.
    """
    begun = told = time.monotonic()
    done, whole, broken = 0, np.ones(len(pictures), np.bool_), list[Bad]()

    def problem(place: int) -> str | None:
        try:
            decode(pictures[place])
        except Exception as error:
            return why(error)
        return None

    with ThreadPoolExecutor() as pool:
        while done < len(pictures) and (on_bad == "skip" or time.monotonic() < begun + seconds):
            batch = range(done, min(done + AT_ONCE, len(pictures)))
            for place, said in zip(batch, pool.map(problem, batch), strict=True):
                if said is not None:
                    whole[place] = False
                    broken.append(Bad(names[place], said))
            done = batch.stop
            if on_bad == "skip" and time.monotonic() > told + EVERY:
                told = time.monotonic()
                line = f"looking at pictures: {done:,} of {len(pictures):,}"
                Console(stderr=True, markup=False, highlight=False).print(line, soft_wrap=True)
    skipped = settle(where, "pictures", broken, done, on_bad)
    if done < len(pictures):
        log.warning(
            "%s: %s of %s pictures were looked at in %.0f s; the others may be broken (data.on_bad=skip looks at all)",
            where,
            *(f"{done:,}", f"{len(pictures):,}", seconds),
        )
    return whole, skipped
