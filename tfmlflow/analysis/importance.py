"""How much of what runs reached is explained by each setting: a random forest that is asked about runs it has not seen.

Configurations are drawn with replacement, many times. Each time a forest learns the rank of the objective from those
drawn, and is asked about those left out (whole configurations, so that no seed of one is on both sides), with one
setting after the other shuffled among them. Half of the error that this adds, as a share of the variance, is that
setting's importance: its total effect, interactions included (Gregorutti, Michel and Saint-Pierre, Correlation and
variable importance in random forests, Statistics and Computing 27, 2017). The spread over the draws is the interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmlflow.analysis.groups import Group
from tfmlflow.analysis.wording import as_number

ENOUGH = 20  # configurations, and
FOR_EACH = 5  # times the number of settings that vary
MOST = 400  # configurations; of more, as many are drawn
DRAWS = 30
TREES = 16
SHUFFLES = 2
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Importance:
    """Of one setting, as a share of the variance of the objective's rank: mean, 5 % and 95 % over the draws."""

    setting: str
    share: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether it is told from nothing at all."""
        return self.low > 0


@dataclass(frozen=True)
class Verdict:
    """Importances, the largest first, and the rule or the reason why there are none.

    `certain` says whether all of them together are told from chance; without that none is.
    """

    importances: tuple[Importance, ...]
    said: str
    certain: bool = True


def measure(groups: Sequence[Group], settings: Sequence[str], seed: int = 0) -> Verdict:
    """Importance of `settings`, which vary among `groups`."""
    known = [group for group in groups if group.values]
    varied = [key for key in settings if len({group.settings.get(key) for group in known}) > 1]
    needed = max(ENOUGH, FOR_EACH * len(varied))
    if not varied:
        return Verdict((), "no setting varies")
    if len(known) < needed:
        rule = f"at least {ENOUGH}, and {FOR_EACH} for each setting that varies"
        return Verdict((), f"too few runs to tell: {len(known)} completed configurations, {needed} needed ({rule})")
    draw = np.random.default_rng(seed)
    if len(known) > MOST:
        known = [known[index] for index in sorted(draw.choice(len(known), MOST, replace=False))]
    means = np.array([group.mean for group in known], dtype=float)
    target = np.argsort(np.argsort(means, kind="stable"), kind="stable") / len(known)
    columns, owner = _encode([[group.settings.get(key) for group in known] for key in varied])
    rounds = np.array([_round(columns, owner, target, len(varied), draw) for _ in range(DRAWS)])
    explained, shares = rounds[:, 0], rounds[:, 1:]
    said = (
        f"share of the variance of the rank that goes back to a setting, by a random forest, {len(known)} "
        f"configurations, 90 % interval of {DRAWS} bootstraps; "
        f"together they explain {100 * max(0.0, float(explained.mean())):.0f} %"
    )
    certain = bool(np.quantile(explained, 0.05) > 0)
    if not certain:
        said += ", which is not told from chance, so that no setting is"
    low, high = np.quantile(shares, 0.05, axis=0), np.quantile(shares, 0.95, axis=0)
    found = [
        Importance(
            key, float(shares[:, i].mean()), min(0.0, float(low[i])) if not certain else float(low[i]), float(high[i])
        )
        for i, key in enumerate(varied)
    ]
    return Verdict(tuple(sorted(found, key=lambda item: -item.share)), said, certain)


def _round(columns: Array, owner: Array, target: Array, count: int, draw: np.random.Generator) -> list[float]:
    """One draw: the share that is explained, then each setting's."""
    from sklearn.ensemble import RandomForestRegressor

    size = len(target)
    drawn = draw.integers(size, size=size)
    left = np.setdiff1d(np.arange(size), drawn)
    forest = RandomForestRegressor(TREES, min_samples_leaf=2, max_features=0.7, random_state=int(draw.integers(2**31)))
    forest.fit(columns[drawn], target[drawn])
    asked = [columns[left]]
    for setting in range(count):
        for _ in range(SHUFFLES):
            shuffled = columns[left].copy()
            mine = owner == setting
            shuffled[:, mine] = shuffled[draw.permutation(len(left))][:, mine]
            asked.append(shuffled)
    answers = forest.predict(np.concatenate(asked)).reshape(len(asked), len(left))
    errors = ((answers - target[left]) ** 2).mean(axis=1) / max(float(target[left].var()), 1e-12)
    lost = (errors[1:].reshape(count, SHUFFLES).mean(axis=1) - errors[0]) / 2  # shuffling adds the variance twice
    return [1 - float(errors[0]), *map(float, lost)]


def _encode(settings: Sequence[Sequence[str | None]]) -> tuple[Array, Array]:
    """Settings as columns for trees, and for each column the setting that it belongs to.

    Numbers stay numbers, with a column that says where there is none; words get a column for each of the commonest.
    """
    columns: list[Array] = []
    owner: list[int] = []
    for index, values in enumerate(settings):
        numbers = [as_number(value) for value in values]
        present = [value for value in values if value not in (None, "null", "None")]
        if present and sum(number is not None for number in numbers) == len(present):
            column = np.array([np.nan if number is None else number for number in numbers], dtype=float)
            missing = np.isnan(column)
            finite = column[np.isfinite(column)]
            middle = float(np.median(finite)) if len(finite) else 0.0
            columns.append(np.nan_to_num(column, nan=middle, posinf=1e30, neginf=-1e30))
            owner.append(index)
            if missing.any():  # a setting that some do not have
                columns.append(missing.astype(float))
                owner.append(index)
            continue
        words, counts = np.unique([str(value) for value in values], return_counts=True)
        for word in words[np.argsort(-counts, kind="stable")][:20]:
            columns.append(np.array([str(value) == word for value in values], dtype=float))
            owner.append(index)
    return np.stack(columns, axis=1), np.array(owner)
