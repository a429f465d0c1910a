"""A table as people have them: numbers, texts, and gaps in both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tfmlflow.data.record import Data
from tfmlflow.datasets import csv


def homes(folder: Path, rows: int, gaps: float) -> Data:
    """Write `t.csv` into a folder, whose `kind` is to be told by `area` and `city`.

    Args:
        folder: Where to.
        rows: How many.
        gaps: Share of the areas that are not there.

    Returns:
        What `data=csv` makes of it.
    """
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "area": np.where(chance.random(rows) < gaps, np.nan, chance.normal(80, 20, rows)),
            "city": chance.choice(np.array(["Bonn", "Ulm", None], dtype=object), rows),
            "kind": chance.choice(["flat", "house", "tent"], rows),
        }
    )
    frame.to_csv(folder / "t.csv", index=False)
    return csv.load(str(folder / "t.csv"), "kind")
