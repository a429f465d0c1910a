"""How often something is done: every so many epochs, steps or minutes."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST = 2**31 - 1
UNITS = ("epoch", "step", "minute")
SHOWN = "epochs as a whole number at least 1, or text such as 2 epochs, 500 steps, 10 minutes"


@dataclass(frozen=True)
class Interval:
    """`every` units; `unit` is epoch, step or minute."""

    every: int
    unit: str

    @classmethod
    def parse(cls, value: int | str) -> Interval:
        """3, `3 epochs`, `500 steps` or `10 minutes`.

        Raises:
            ValueError: It is something else.
        """
        found = re.fullmatch(r"(\d+)(?:\s*(epoch|step|minute)s?)?", str(value).strip())
        if isinstance(value, bool) or found is None or not 1 <= int(found[1]) <= MOST:
            raise ValueError(f"{value}: must be {SHOWN}")
        return cls(int(found[1]), found[2] or "epoch")
