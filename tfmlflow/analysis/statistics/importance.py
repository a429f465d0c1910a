"""How much of what runs reached is explained by each setting: random trees are asked about runs they have not seen.

Configurations are drawn with replacement, many times. Each time extremely randomized trees (Geurts, Ernst and Wehenkel,
Machine Learning 63, 2006) learn the rank of the objective from those drawn, and are asked about those left out (whole
configurations, so that no seed of one is on both sides), with one setting after the other shuffled among them. Half of
the error that this adds, as a share of the variance, is that setting's importance: its total effect, interactions
included (Gregorutti, Michel and Saint-Pierre, Correlation and variable importance in random forests, Statistics and
Computing 27, 2017). Two settings that are shuffled together lose less than both by themselves, by what they do only
together: their interaction. The spread over the draws is the interval. Whether all of it is more than chance is told by
trees that have learned shuffled results.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmlflow.analysis.runs.groups import Group
from tfmlflow.analysis.wording import as_number

ENOUGH = 20  # configurations, and
FOR_EACH = 5  # times the number of settings that vary
MOST = 400  # configurations; of more, as many are drawn
DRAWS = 30
TREES = 24
SHUFFLES = 2
FIRST = 6  # draws by which the settings are chosen whose pairs are looked at
PAIRED = 4  # of them
CHANCE = 19  # times that results are shuffled: none may be explained as well
CHANCE_TREES = 60
SMALL = 150  # configurations, up to which the spread over the draws alone is too strict
SURE = 0.2  # quantile of the draws that an interaction must be above 0 at (benchmarks/importance.py)
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

    `certain` says whether all of them together are told from chance; without that none is. `pairs` are interactions,
    each named `one × other`: what two settings do only together, which is in the importance of both.
    """

    importances: tuple[Importance, ...]
    said: str
    certain: bool = True
    pairs: tuple[Importance, ...] = ()


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
    singles = [(index,) for index in range(len(varied))]
    first = np.mean([_round(columns, owner, target, singles, draw)[1:] for _ in range(FIRST)], axis=0)
    top = sorted(np.argsort(-first)[:PAIRED].tolist())
    pairs = list(itertools.combinations(top, 2))
    rounds = np.array([_round(columns, owner, target, [*singles, *pairs], draw) for _ in range(DRAWS)])
    explained, shares = rounds[:, 0], rounds[:, 1 : 1 + len(varied)]
    certain = bool(np.quantile(explained, 0.05) > 0) or (len(known) <= SMALL and _beyond_chance(columns, target, draw))
    together = max(0.0, float(explained.mean()))
    said = (
        f"share of the variance of the rank that goes back to a setting, by randomized trees, {len(known)} "
        f"configurations, 90 % interval of {DRAWS} bootstraps; together they explain "
        f"{f'{100 * together:.0f} %' if together >= 0.005 or not certain else 'little, but more than chance'}"
    )
    if not certain:
        said += ", which is not told from chance, so that no setting is"
    low, high = np.quantile(shares, 0.05, axis=0), np.quantile(shares, 0.95, axis=0)
    found = [
        Importance(
            key, float(shares[:, i].mean()), min(0.0, float(low[i])) if not certain else float(low[i]), float(high[i])
        )
        for i, key in enumerate(varied)
    ]
    clear = {item.setting for item in found if item.clear}
    only_together = []
    for place, (one, other) in enumerate(pairs):
        both = shares[:, one] + shares[:, other] - rounds[:, 1 + len(varied) + place]
        bottom, top_end = float(np.quantile(both, SURE)), float(np.quantile(both, 1 - SURE))
        if certain and bottom > 0 and {varied[one], varied[other]} <= clear:
            name = f"{varied[one]} × {varied[other]}"
            only_together.append(Importance(name, float(both.mean()), bottom, top_end))
    ordered = [tuple(sorted(items, key=lambda item: -item.share)) for items in (found, only_together)]
    return Verdict(ordered[0], said, certain, ordered[1])


def _round(
    columns: Array, owner: Array, target: Array, together: Sequence[tuple[int, ...]], draw: np.random.Generator
) -> list[float]:
    """One draw: the share that is explained, then that of each of the settings, or sets of them, in `together`."""
    from sklearn.ensemble import ExtraTreesRegressor

    size = len(target)
    drawn = draw.integers(size, size=size)
    left = np.setdiff1d(np.arange(size), drawn)
    trees = ExtraTreesRegressor(TREES, min_samples_leaf=2, random_state=int(draw.integers(2**31)))
    trees.fit(columns[drawn], target[drawn])
    asked = [columns[left]]
    for settings in together:
        mine = np.isin(owner, settings)
        for _ in range(SHUFFLES):
            shuffled = columns[left].copy()
            shuffled[:, mine] = shuffled[draw.permutation(len(left))][:, mine]
            asked.append(shuffled)
    answers = trees.predict(np.concatenate(asked)).reshape(len(asked), len(left))
    errors = ((answers - target[left]) ** 2).mean(axis=1) / max(float(target[left].var()), 1e-12)
    lost = (
        errors[1:].reshape(len(together), SHUFFLES).mean(axis=1) - errors[0]
    ) / 2  # shuffling adds the variance twice
    return [1 - float(errors[0]), *map(float, lost)]


def _beyond_chance(columns: Array, target: Array, draw: np.random.Generator) -> bool:
    """Whether trees explain the results better than any shuffled ones: in 5 % of cases by chance."""
    from sklearn.ensemble import ExtraTreesRegressor

    def error(results: Array) -> float:
        seed = int(draw.integers(2**31))
        trees = ExtraTreesRegressor(
            CHANCE_TREES, min_samples_leaf=2, bootstrap=True, oob_score=True, random_state=seed
        ).fit(columns, results)
        return float(np.nanmean((trees.oob_prediction_ - results) ** 2))

    real = error(target)
    return all(error(draw.permutation(target)) > real for _ in range(CHANCE))


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
