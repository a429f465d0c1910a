"""Runs that differ in nothing but the seed or the fold, taken together; and the settings in which the others differ."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tfmlflow.analysis.runs.reached import Reached
from tfmlflow.analysis.runs.stored_run import StoredRun, is_draw
from tfmlflow.analysis.wording import setting, short_names
from tfmlflow.objective import Objective
from tfmlflow.vocabulary import EndReason, Tag


@dataclass(frozen=True, eq=False)
class Group:
    """One configuration.

    Attributes:
        label: What tells it from the others, `optimizer=sgd learning_rate=0.1`; the run's name where nothing does.
        settings: Those in which configurations differ; a setting that it does not have is missing.
        runs: One for each seed, of a cross-validation for each fold of each seed; the best first.
        values: What the runs that completed reached, one a seed: of its repetitions the mean. Of a cross-validation one
            a fold of each split: of the runs that differ in another seed the mean.
        blocks: The seed of each of these, or the split and the fold; empty where there is none.
        folds: Of a cross-validation, of how many folds each split is; else None.
        best: The best run's value and epoch.
        seconds, processor: Mean over its runs, None if unknown.
    """

    label: str
    settings: Mapping[str, str]
    runs: tuple[StoredRun, ...]
    values: tuple[float, ...]
    best: Reached
    seconds: float | None
    processor: float | None
    blocks: tuple[str, ...] = ()
    folds: int | None = None

    @property
    def mean(self) -> float | None:
        """Of the runs that completed; of one that has none, what its best run reached."""
        return statistics.fmean(self.values) if self.values else self.best.value

    @property
    def spread(self) -> float | None:
        """Standard deviation over seeds or folds, of the sample (n - 1); None for fewer than two."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def state(self) -> str:
        """What became of its runs, `2 of 3 FAILED nan, killed`; empty if all completed."""
        bad = [run for run in self.runs if not run.completed]
        if len(self.runs) == 1:
            return bad[0].state if bad else ""
        reasons: dict[str, list[str]] = defaultdict(list)
        for run in bad:
            reasons[run.status].append(run.reason)
        said = []
        for status, why in reasons.items():
            words = ", ".join(sorted({reason for reason in why if reason not in ("", EndReason.COMPLETED)}))
            said.append(f"{len(why)} of {len(self.runs)} {status} {words}".rstrip())
        return "; ".join(said)


def differing(runs: Sequence[StoredRun]) -> list[str]:
    """The settings in which runs differ, without seeds and folds: those said on the command line first."""
    values: dict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    said: Counter[str] = Counter()
    for run in runs:
        settings = run.settings()
        counts.update(settings.keys())
        for key, value in settings.items():
            values[key].add(value)
        overrides = run.tags.get(Tag.OVERRIDES, "").split()
        said.update(override.split("=")[0].lstrip("+~") for override in overrides if "=" in override)
    found = [key for key, seen in values.items() if len(seen) > 1 or counts[key] < len(runs)]

    def rank(key: str) -> tuple[bool, bool, str]:
        spoken = said[key] or (key.endswith(".name") and said[key.removesuffix(".name")])
        return (not spoken, len(values[key]) == 1, key)

    return sorted((key for key in found if not is_draw(key)), key=rank)


def telling(groups: Sequence[Group]) -> list[str]:
    """The settings worth a column: without those that are merely there or not there, along with another's value.

    With `optimizer=sgd,adam`, `optimizer.beta_1` is 0.9 wherever it is: `optimizer.name` says as much.
    """
    keys = list(dict.fromkeys(key for group in groups for key in group.settings))
    columns = {key: [group.settings.get(key) for group in groups] for key in keys}
    present = {key: {value for value in column if value is not None} for key, column in columns.items()}
    told = [key for key in keys if len(present[key]) > 1]
    kept = list(told)
    for key in (key for key in keys if len(present[key]) == 1):
        there = [value is not None for value in columns[key]]
        if not any(_decides(columns[other], there) for other in kept):
            kept.append(key)
    order = {key: index for index, key in enumerate(keys)}
    return sorted(kept, key=lambda key: order[key])


def _decides(column: Sequence[str | None], there: Sequence[bool]) -> bool:
    known: dict[str | None, bool] = {}
    return all(known.setdefault(value, flag) == flag for value, flag in zip(column, there, strict=True))


def group(
    runs: Sequence[StoredRun], reached: Mapping[str, Reached], processor: Mapping[str, float], objective: Objective
) -> list[Group]:
    """Runs by their settings without seeds and folds, the best first, those without a completed run last.

    One that lacks folds that another has is behind, for its mean is of an easier or a harder part.
    """
    keys = differing(runs)
    found: dict[tuple[str | None, ...], list[StoredRun]] = defaultdict(list)
    for run in runs:
        settings = run.settings()
        found[tuple(settings.get(key) for key in keys)].append(run)
    groups, seen = [], {run.fold for run in runs if not run.ours and run.fold is not None}
    for values, members in found.items():
        members.sort(key=lambda run: (not run.completed, objective.order(reached[run.run_id].value), run.started))
        of_completed = _by_draw([(run.draw, reached[run.run_id].value) for run in members if run.completed])
        groups.append(
            Group(
                label=members[0].name,
                settings={key: value for key, value in zip(keys, values, strict=True) if value is not None},
                runs=tuple(members),
                values=tuple(value for _, value in of_completed),
                blocks=tuple(seed for seed, _ in of_completed),
                folds=members[0].folds or (len(seen) if len(seen) > 1 and members[0].fold in seen else None),
                best=reached[members[0].run_id],
                seconds=_mean([run.seconds for run in members]),
                processor=_mean([processor.get(run.run_id) for run in members]),
            )
        )
    most: dict[int | None, int] = defaultdict(int)
    for one in groups:
        most[one.folds] = max(most[one.folds], len(one.values))

    def rank(one: Group) -> tuple[bool, bool, tuple[bool, float]]:
        lacks = one.folds is not None and len(one.values) < most[one.folds]
        return not one.values, lacks, objective.order(one.mean)

    groups.sort(key=rank)
    names = short_names(telling(groups))
    return [replace(group, label=_label(group, names)) for group in groups]


def _by_draw(values: Sequence[tuple[str, float | None]]) -> list[tuple[str, float]]:
    """One value a seed or fold, in the order of the first; of runs whose seed is not known each by itself."""
    found: dict[object, tuple[str, list[float]]] = {}
    for number, (seed, value) in enumerate(values):
        if value is not None:
            found.setdefault(seed or number, (seed, []))[1].append(value)
    return [(seed, statistics.fmean(several)) for seed, several in found.values()]


def told_apart(groups: Sequence[Group]) -> list[str]:
    """Labels of a few of the configurations, by what differs among these alone."""
    names = short_names(telling(groups))
    return [_label(group, names) if names else group.label for group in groups]


def _label(group: Group, names: Mapping[str, str]) -> str:
    said = [f"{name}={setting(group.settings[key])}" for key, name in names.items() if key in group.settings]
    return " ".join(said) or group.label


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return statistics.fmean(known) if known else None
