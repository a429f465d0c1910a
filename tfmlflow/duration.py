"""How long something took, as people say it."""

from __future__ import annotations

import re

UNITS = {"s": 1.0, "sec": 1.0, "second": 1.0, "m": 60.0, "min": 60.0, "minute": 60.0, "h": 3600.0, "hour": 3600.0}
UNITS |= {"d": 86400.0, "day": 86400.0}
LONGEST = 100 * 365 * 86400.0
SHOWN = "null, a number of seconds, or text such as 90 s, 30 min, 2.5 h, 1 day"


def seconds(value: float | str) -> float:
    """A time that somebody has given: 90, `90 s`, `30 min`, `2.5 hours`, `1 day`.

    Raises:
        ValueError: It is something else, or none at all.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)", str(value).strip().lower())
    unit = (found[2] if found is not None else "") or "s"
    factor = UNITS.get(unit) or UNITS.get(unit.removesuffix("s"))
    if isinstance(value, bool) or found is None or factor is None or not 0 < float(found[1]) * factor <= LONGEST:
        raise ValueError(f"{value}: must be {SHOWN}")
    return float(found[1]) * factor


def duration(seconds: float | None) -> str:
    """Seconds as people say them: 4.2 s, 45 s, 3 min, 2.5 h, 3.1 d; `-` for none."""
    if seconds is None:
        return "-"
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86400:.1f} d"
