"""How often `tfmlflow compare` tells a setting from nothing, and names two that act together.

    python benchmarks/importance.py [--repetitions 50]

Each line is a number of configurations of three settings: a rate, a size of four values, and one that does nothing.
What they reach is noise; or goes back to the rate; to rate and size, each by itself; to both together, as with a
learning rate that a batch size allows; or only to both together. Shares of the repetitions in which a setting is
clear, and in which an interaction is named: the right one, and any other.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter

import numpy as np

from tfmlflow.analysis.runs.groups import Group
from tfmlflow.analysis.runs.reached import Reached
from tfmlflow.analysis.statistics import importance

KINDS = {
    "noise": lambda rate, size: 0.0,
    "rate": lambda rate, size: (rate + 2) ** 2,
    "each": lambda rate, size: (rate + 2) ** 2 + (size - 1.5) ** 2,
    "together": lambda rate, size: (rate + 0.8 * size + 1) ** 2,
    "only together": lambda rate, size: 2.0 * np.sign(rate + 2) * np.sign(size - 1.5),
}
SETTINGS = ("rate", "size", "other")


def verdict(kind: str, count: int, seed: int) -> importance.Verdict:
    """Of so many configurations drawn at random; the noise has a standard deviation of a half."""
    draw = np.random.default_rng(seed)
    groups = []
    for _ in range(count):
        rate, size, other = draw.uniform(-4, 0), int(draw.integers(0, 4)), draw.uniform()
        value = float(KINDS[kind](rate, size) + 0.5 * draw.normal())
        settings = {"rate": repr(rate), "size": str(size), "other": repr(other)}
        groups.append(Group("", settings, (), (value,), Reached(), None, None))
    return importance.measure(groups, SETTINGS, seed)


def main() -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=50)
    repetitions = parser.parse_args().repetitions
    heads = (*SETTINGS, "rate × size", "another")
    print(f"{'reached by':14} {'n':>3}  " + "".join(f"{head:>14}" for head in heads))
    for count in (30, 60):
        for kind in KINDS:
            told: Counter[str] = Counter()
            for seed in range(repetitions):
                found = verdict(kind, count, seed)
                told.update(item.setting for item in found.importances if item.clear)
                told.update("rate × size" if item.setting == "rate × size" else "another" for item in found.pairs)
            shares = [told[head] / repetitions for head in heads]
            errors = [math.sqrt(max(share * (1 - share), 1 / repetitions) / repetitions) for share in shares]
            cells = "".join(f"{100 * s:7.0f} ± {100 * e:2.0f} %" for s, e in zip(shares, errors, strict=True))
            print(f"{kind:14} {count:3}  {cells}", flush=True)


if __name__ == "__main__":
    main()
