"""Examples that cannot be read: refused by name, or skipped, counted and listed."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tfmlflow.errors import UsageError

log = logging.getLogger(__name__)

OnBad = Literal["error", "skip"]
SHOWN = 8  # in a message


@dataclass(frozen=True)
class Bad:
    """One of them.

    Attributes:
        name: Its file, and where in it.
        why: It cannot be read.
    """

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} ({self.why})"


def settle(where: str, kind: str, bad: Sequence[Bad], of: int, on_bad: OnBad) -> tuple[str, ...]:
    """Refuse what is bad, or say that it is left out.

    Args:
        where: Names the data in messages.
        kind: What they are: `pictures`, `records`.
        bad: Those that cannot be read.
        of: How many there are with them, as far as they were looked at.
        on_bad: `error` or `skip`.

    Returns:
        What was skipped, a line each.

    Raises:
        UsageError: Names them, unless they are skipped; or none is left.
    """
    if not bad:
        return ()
    more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
    said = f"{where}: {len(bad):,} of {of:,} {kind} cannot be read: {', '.join(map(str, bad[:SHOWN]))}{more}"
    if len(bad) >= of:
        raise UsageError(f"{said}; none is left")
    if on_bad == "error":
        raise UsageError(f"{said}; remove them, put whole ones in their place, or data.on_bad=skip leaves them out")
    log.warning("%s; they are skipped, and listed in the run's data/skipped.txt", said)
    return tuple(map(str, bad))


def why(error: BaseException) -> str:
    """The first line of what an error says, without TensorFlow's name of the place."""
    lines = str(getattr(error, "message", error)).splitlines() or [type(error).__name__]
    return re.sub(r"^(\{\{.*?\}\}|\s)+", "", lines[0])[:100]
