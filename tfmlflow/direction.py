"""Which direction of a metric is better, by its name; loads nothing."""

from __future__ import annotations

import re

HIGHER_IS_BETTER = frozenset({"accuracy", "acc", "auc", "precision", "recall", "f1", "r2", "top", "iou", "similarity"})


def by_name(metric: str) -> str:
    """`max` for `val/accuracy`, `min` for `val/loss`."""
    words = set(re.split(r"[^a-z0-9]+", metric.split("/")[-1].lower()))
    return "max" if words & HIGHER_IS_BETTER else "min"
