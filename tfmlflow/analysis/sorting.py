"""The order in which configurations are shown."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from tfmlflow.analysis.comparison import Comparison
from tfmlflow.analysis.runs.groups import Group
from tfmlflow.analysis.wording import as_number, short_names
from tfmlflow.errors import UsageError

Value = float | str | None
KEYS: dict[str, Callable[[Group], Value]] = {
    "epoch": lambda group: group.best.epoch,
    "time": lambda group: group.seconds,
    "cost": lambda group: group.processor if group.processor is not None else group.seconds,
    "started": lambda group: group.runs[0].started,
    "name": lambda group: group.runs[0].name,
}


def ordered(comparison: Comparison, key: str = "value", reverse: bool = False) -> list[Group]:
    """Configurations by `key`: `value`, the best first; else what is smallest first, and what has none last.

    Raises:
        UsageError: There is no such key.
    """
    groups = list(comparison.groups)
    if key in ("value", comparison.objective.metric):
        return groups[::-1] if reverse else groups
    value = KEYS.get(key) or _setting(comparison, key) or _metric(comparison, key)
    if value is None:
        known = [
            "value",
            *KEYS,
            *comparison.settings,
            *sorted({name for run in comparison.runs for name in run.metrics}),
        ]
        near = difflib.get_close_matches(key, known, n=3, cutoff=0.5) or known[:12]
        raise UsageError(
            f"--sort {key}: must be value, {', '.join(KEYS)}, a param that differs or a metric; "
            f"the nearest: {', '.join(near)}"
        )
    having = [group for group in groups if value(group) is not None]
    words = any(isinstance(value(group), str) for group in having)
    having.sort(key=lambda group: str(value(group)) if words else float(value(group) or 0.0), reverse=reverse)
    return having + [group for group in groups if value(group) is None]


def _setting(comparison: Comparison, key: str) -> Callable[[Group], Value] | None:
    names = short_names(comparison.settings)
    full = next((name for name in comparison.settings if key in (name, names[name])), None)
    if full is None:
        return None
    values = [group.settings.get(full) for group in comparison.groups]
    if all(value is None or as_number(value) is not None for value in values):
        return lambda group: as_number(group.settings.get(full))
    return lambda group: group.settings.get(full)


def _metric(comparison: Comparison, key: str) -> Callable[[Group], Value] | None:
    if not any(key in run.metrics for run in comparison.runs):
        return None
    return lambda group: group.runs[0].metrics.get(key)
