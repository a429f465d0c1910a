"""The jobs of a sweep that have come to their ends, against each other."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tfmlflow.job.outcome import Outcome
from tfmlflow.vocabulary import EndReason


@dataclass(frozen=True)
class Row:
    """A job that has come to its end.

    Attributes:
        number: Of the job; one that was no sweep's has none.
        varied: What it is about.
        outcome: What came of it.
        measured: What its objective is measured on and by, by keys of the config.
    """

    number: int | None
    varied: Mapping[str, str]
    outcome: Outcome
    measured: Mapping[str, str] = field(default_factory=dict)


DRAWS = ("seed", "data.seed", "data.fold")  # what chance decides of a job
FOLD = "data.fold"


@dataclass(frozen=True)
class Configuration:
    """Jobs of a cross-validation that differ in nothing but fold and seed.

    Attributes:
        varied: What they are about, without these.
        rows: All of them that have come to their end, the best first.
        values: What counts of those that have a value.
    """

    varied: Mapping[str, str]
    rows: tuple[Row, ...]
    values: tuple[float, ...]

    @property
    def mean(self) -> float | None:
        """Over folds; None if no job has a value."""
        return statistics.fmean(self.values) if self.values else None

    @property
    def spread(self) -> float | None:
        """Standard deviation over folds, of the sample (n - 1); None for fewer than two."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


class Leaderboard:
    """Ranks jobs; those of a cross-validation by the mean over their folds.

    Args:
        objectives: (metric, min or max) that jobs are judged by; the first one ranks them.
        measure: Tells what the objective of a job is measured on and by, from what it is about.
    """

    def __init__(
        self,
        objectives: Sequence[tuple[str, str]],
        measure: Callable[[Mapping[str, str]], Mapping[str, str]] = lambda _: {},
    ) -> None:
        self.measure = measure
        self.metrics = [metric for metric, _ in objectives]
        self._signs = [-1 if mode == "max" else 1 for _, mode in objectives]
        self.rows: list[Row] = []

    def add(self, row: Row) -> None:
        """Take a job in."""
        self.rows.append(row)

    @property
    def kinds(self) -> list[str]:
        """What the objective is measured on and by, where jobs differ in it: their values are not comparable then."""
        return kinds([row.measured for row in self.rows])

    def _kind(self, row: Row) -> str:
        return kind(row.measured, [row.measured for row in self.rows])

    @property
    def best(self) -> Row | None:
        """The job with the best value of the first objective, the earlier of two equal ones; None of several kinds."""
        ranked = self._ranked()
        if not ranked or len(self.kinds) > 1:
            return None
        return self.configurations()[0].rows[0] if self.folded else ranked[0]

    @property
    def reaches(self) -> float | None:
        """What the best reached: its value, of folds the mean; None if there is none."""
        if self.best is None:
            return None
        return self.configurations()[0].mean if self.folded else self.best.outcome.value

    @property
    def folded(self) -> bool:
        """Whether jobs are folds of configurations."""
        return any(FOLD in row.varied for row in self.rows)

    def configurations(self) -> list[Configuration]:
        """Jobs that differ in nothing but fold and seed, taken together: of each kind the best mean first; those that
        lack folds that another has are behind, for their mean is of an easier or a harder part.
        """
        found: dict[tuple[tuple[str, str], ...], list[Row]] = {}
        for row in self.ordered():
            found.setdefault(tuple((k, v) for k, v in row.varied.items() if k not in DRAWS), []).append(row)
        made = [
            Configuration(dict(key), tuple(rows), tuple(r.outcome.value for r in rows if r.outcome.value is not None))
            for key, rows in found.items()
        ]
        most = max((len(one.values) for one in made), default=0)
        places = {kind: place for place, kind in enumerate(self.kinds)}

        def rank(one: Configuration) -> tuple[int, bool, float]:
            mean = one.mean
            return places[self._kind(one.rows[0])], len(one.values) < most, self._signs[0] * (mean or 0.0)

        return sorted(made, key=rank)

    @property
    def finished(self) -> list[Row]:
        """Jobs that need not be run again."""
        return [row for row in self.rows if row.outcome.done]

    @property
    def failed(self) -> list[Row]:
        """Jobs that did not finish, and were not stopped."""
        return [row for row in self.rows if not row.outcome.done and not row.outcome.stopped]

    @property
    def stopped(self) -> list[Row]:
        """Jobs that were ended from outside."""
        return [row for row in self.rows if row.outcome.stopped]

    @property
    def pruned(self) -> list[Row]:
        """Jobs that were stopped because they were hopeless."""
        return [row for row in self.rows if row.outcome.reason == EndReason.PRUNED]

    def ordered(self) -> list[Row]:
        """The best first, each kind by itself, then those without a value that counts, then failed ones."""
        rest = [row for row in self.rows if row.outcome.value is None]
        return self._ranked() + sorted(rest, key=lambda row: not row.outcome.done)

    def unbeaten(self) -> list[Row]:
        """The best job; with several objectives those that no other beats in one and equals in the rest."""
        if len(self.metrics) == 1:
            first: dict[str, Row] = {}
            for row in self._ranked():
                first.setdefault(self._kind(row), row)
            return list(first.values())
        ranked = [(row, costs) for row in self.rows if (costs := self._costs(row)) is not None]
        return [row for row, mine in ranked if not any(_beats(other, mine) for _, other in ranked)]

    def reached(self, row: Row) -> list[float | None]:
        """What a job has reached of each objective."""
        return [row.outcome.objective, *(row.outcome.metrics.get(metric) for metric in self.metrics[1:])]

    def _ranked(self) -> list[Row]:
        ranked = [row for row in self.rows if row.outcome.value is not None]
        places = {kind: place for place, kind in enumerate(self.kinds)}
        return sorted(ranked, key=lambda row: (places[self._kind(row)], self._signs[0] * (row.outcome.value or 0.0)))

    def _costs(self, row: Row) -> list[float] | None:
        """What counts of each objective, less is better; None where one is missing."""
        values = [row.outcome.value, *self.reached(row)[1:]] if row.outcome.done else [None]
        counted = [value for value in values if value is not None]
        if len(counted) < len(self._signs):
            return None
        return [sign * value for sign, value in zip(self._signs, counted, strict=True)]


def kinds(measured: Sequence[Mapping[str, str]]) -> list[str]:
    """The different ones, by the keys in which they differ."""
    return list(dict.fromkeys(kind(one, measured) for one in measured))


def kind(one: Mapping[str, str], all_of_them: Sequence[Mapping[str, str]]) -> str:
    """One of them, by the keys in which it differs from others."""
    differing = [key for key in one if len({other.get(key) for other in all_of_them}) > 1]
    return " ".join(f"{key}={one[key]}" for key in differing)


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(mine <= theirs for mine, theirs in pairs) and any(mine < theirs for mine, theirs in pairs)
