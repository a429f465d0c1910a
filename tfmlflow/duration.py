"""How long something took, as people say it."""

from __future__ import annotations


def duration(seconds: float | None) -> str:
    """Seconds as people say them: 4.2 s, 45 s, 3 min, 2.5 h, 3.1 d; `-` for none."""
    if seconds is None:
        return "-"
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86400:.1f} d"
