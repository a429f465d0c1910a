"""Pictures that cannot be read, found before a training meets them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tfmlflow.errors import UsageError

log = logging.getLogger(__name__)

SECONDS = 20.0  # that looking may take; what is left is trusted, and said to be
AT_ONCE = 512  # pictures between two looks at the clock
SHOWN = 8  # in a message


def require_readable(
    where: str, names: Sequence[str], pictures: Sequence[Any], decode: Callable[[Any], Any], seconds: float = SECONDS
) -> None:
    """Decode every picture once, on all processors.

    Args:
        where: Names the data in messages.
        names: Of the pictures.
        pictures: What `decode` takes.
        decode: Raises for one that is broken.
        seconds: After which the rest is not looked at.

    Raises:
        UsageError: Names those that are broken.
    """
    deadline, done, broken = time.monotonic() + seconds, 0, list[str]()

    def problem(place: int) -> str | None:
        try:
            decode(pictures[place])
        except Exception as error:
            return f"{names[place]} ({str(getattr(error, 'message', error)).splitlines()[0][:100]})"
        return None

    with ThreadPoolExecutor() as pool:
        while done < len(pictures) and time.monotonic() < deadline:
            batch = range(done, min(done + AT_ONCE, len(pictures)))
            broken += [said for said in pool.map(problem, batch) if said is not None]
            done = batch.stop
    if broken:
        more = f" and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
        raise UsageError(
            f"{where}: {len(broken)} of {done:,} pictures cannot be read: {', '.join(broken[:SHOWN])}{more}; "
            "remove them, or put whole ones in their place"
        )
    if done < len(pictures):
        log.warning(
            "%s: %s of %s pictures were looked at in %.0f s; the others may be broken",
            where,
            *(f"{done:,}", f"{len(pictures):,}", seconds),
        )
