"""The space of a sweep: what stays, what varies, and what varies only where something else has a certain value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from hydra.core.override_parser.types import Override

from tfmlflow.errors import UsageError
from tfmlflow.sweep.search.dimension import Choices, Dimension, Span, name_of, of_override


@dataclass(frozen=True)
class Space:
    """What a command line with `-m` describes.

    Attributes:
        fixed: Overrides of every job.
        dimensions: What varies, in the order given.
    """

    fixed: tuple[str, ...]
    dimensions: tuple[Dimension, ...]

    @classmethod
    def of(cls, overrides: Sequence[Override]) -> Space:
        """Parts a parsed command line; of a key that is given twice, the last counts.

        Raises:
            UsageError: An interval that nothing can be drawn from.
        """
        fixed: dict[str, str] = {}
        varied: dict[str, Dimension] = {}
        for override in overrides:
            key, name = override.get_key_element(), f"{override.key_or_group}@{override.package}"
            fixed.pop(name, None)
            varied.pop(name, None)
            if override.is_sweep_override():
                varied[name] = of_override(override)
            elif override.is_delete() and override.value() is None:
                fixed[name] = key
            else:
                fixed[name] = f"{key}={override.get_value_element_as_str()}"
        return cls(tuple(fixed.values()), tuple(varied.values()))

    @property
    def keys(self) -> tuple[str, ...]:
        """What varies, as keys of the config."""
        return tuple(name_of(dimension.key) for dimension in self.dimensions)

    @cached_property
    def named(self) -> dict[str, Dimension]:
        """The dimensions by the keys of the config."""
        return dict(zip(self.keys, self.dimensions, strict=True))

    @cached_property
    def in_order(self) -> tuple[Dimension, ...]:
        """The dimensions in an order of their own, so that what is drawn does not depend on how they were typed.

        What decides whether another one varies comes before it.
        """
        return tuple(sorted(self.dimensions, key=lambda dimension: (self._depth(dimension), dimension.key)))

    def _depth(self, dimension: Dimension, below: tuple[str, ...] = ()) -> int:
        if dimension.key in below:
            raise UsageError(f"sweep.space: {' depends on '.join([*below, dimension.key])}: no beginning and no end")
        parents = [self.named[key] for key, _ in dimension.when if key in self.named]
        return 1 + max((self._depth(parent, (*below, dimension.key)) for parent in parents), default=-1)

    def varies(self, dimension: Dimension, point: Mapping[str, str]) -> bool:
        """Whether a dimension is there at a point, of which those before it are known."""
        return all(key not in self.named or point.get(self.named[key].key) in told for key, told in dimension.when)

    def conditioned(self, when: Callable[[Dimension], Sequence[tuple[str, tuple[str, ...]]]]) -> Space:
        """The same, with further conditions."""
        return replace(self, dimensions=tuple(replace(d, when=(*d.when, *when(d))) for d in self.dimensions))

    @property
    def conditions(self) -> list[str]:
        """What does not vary everywhere, for people."""
        return [
            f"{name} varies where {' and '.join(f'{key} is ' + ' or '.join(told) for key, told in dimension.when)}"
            for name, dimension in self.named.items()
            if dimension.when
        ]

    def point(self, choose: Callable[[Dimension], str]) -> dict[str, str]:
        """One point: values by key, of the dimensions that are there."""
        point: dict[str, str] = {}
        for dimension in self.in_order:
            if self.varies(dimension, point):
                point[dimension.key] = choose(dimension)
        return self._as_given(point)

    def _as_given(self, point: Mapping[str, str]) -> dict[str, str]:
        return {dimension.key: point[dimension.key] for dimension in self.dimensions if dimension.key in point}

    def job(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """The overrides of one job, whose varied values are given by key."""
        return (*self.fixed, *(f"{key}={value}" for key, value in self._as_given(values).items()))

    def grid(self) -> Iterator[dict[str, str]]:
        """Every combination, the last key fastest.

        Raises:
            UsageError: There is no end to them.
        """
        for dimension in self.dimensions:
            if isinstance(dimension, Span) and dimension.step is None:
                raise UsageError(
                    f"{dimension.key}=interval({dimension.low:g},{dimension.high:g}): has no end of values for a grid; "
                    "add sweep=random or sweep=tpe, or give a list"
                )
        in_turn = sorted(self.dimensions, key=self._depth)
        for point in self._combined(in_turn, {}):
            yield self._as_given(point)

    def _combined(self, rest: Sequence[Dimension], point: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
        if not rest:
            yield point
        elif not self.varies(rest[0], point):
            yield from self._combined(rest[1:], point)
        else:
            for value in rest[0].values:
                yield from self._combined(rest[1:], {**point, rest[0].key: value})

    def drawn(self, count: int, seed: int) -> Iterator[dict[str, str]]:
        """Random points, always the same for a seed; a longer series begins like a shorter one."""
        import numpy as np

        chance = np.random.default_rng(seed)
        for _ in range(count):
            values = {dimension.key: dimension.draw(chance) for dimension in self.in_order}
            yield self.point(lambda dimension, values=values: values[dimension.key])  # type: ignore[misc]

    def ends(self) -> Iterator[dict[str, str]]:
        """Points at which every end and every choice occurs: what is right there is right between."""
        if not self.dimensions:
            return
        decisive = {key for dimension in self.dimensions for key, _ in dimension.when if key in self.named}
        deciding = [dimension for dimension in self.in_order if name_of(dimension.key) in decisive]
        others = {d.key: d.ends for d in self.dimensions if d not in deciding}
        for decided in self._combined([_of_ends(dimension) for dimension in deciding], {}):
            for i in range(max((len(values) for values in others.values()), default=1)):
                ends = {**{key: values[min(i, len(values) - 1)] for key, values in others.items()}, **decided}
                yield self.point(lambda dimension, ends=ends: ends[dimension.key])  # type: ignore[misc]


def _of_ends(dimension: Dimension) -> Choices:
    values = dimension.values or dimension.ends
    return Choices(dimension.key, tuple(values), dimension.when)
