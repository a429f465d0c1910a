"""Overrides to try next, of keys that the run has."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from tfmlflow.diagnosis.evidence import Evidence


def rate(evidence: Evidence, factor: float) -> list[str]:
    """Another learning rate, by a factor."""
    value = number(evidence, "optimizer.learning_rate")
    return [] if value is None else [f"optimizer.learning_rate={value * factor:.3g}"]


def epochs(evidence: Evidence, factor: float) -> list[str]:
    """More epochs, by a factor."""
    value = number(evidence, "trainer.epochs")
    return [] if value is None else [f"trainer.epochs={math.ceil(value * factor)}"]


def wider(evidence: Evidence) -> list[str]:
    """Layers twice as wide, eight units at least."""
    for key in ("model.units", "model.filters"):
        widths = evidence.settings.get(key)
        if isinstance(widths, list | tuple) and all(isinstance(one, int) for one in widths):
            return [f"{key}=[{','.join(str(max(32, 2 * one)) for one in widths or (64,))}]"]
    return []


def others(evidence: Evidence, *words: str) -> list[str]:
    """Those of `words` whose key the run has and whose value is another one."""
    kept = []
    for word in words:
        pairs = [one.partition("=")[::2] for one in word.split(" ")]
        known = [
            key in evidence.settings or any(k.startswith(f"{key}.") for k in evidence.settings) for key, _ in pairs
        ]
        same = all(str(evidence.settings.get(key)).lower() == value.lower() for key, value in pairs)
        if all(known) and not same:
            kept.append(word)
    return kept


def without(evidence: Evidence, *keys: str) -> list[str]:
    """Penalties and dropout that are on, taken away."""
    return [f"{key}=0" for key in keys if (number(evidence, key) or 0) > 0]


def number(evidence: Evidence, key: str) -> float | None:
    """A setting that is a number, None if it is none or not there."""
    value: Any = evidence.settings.get(key)
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def together(*parts: Iterable[str]) -> tuple[str, ...]:
    """All of them in their order, each once."""
    return tuple(dict.fromkeys(one for part in parts for one in part))
