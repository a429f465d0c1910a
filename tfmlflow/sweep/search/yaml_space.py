"""A space that stands in a config file: `sweep.space`, the values of each key and where it varies."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import replace
from typing import Any

from tfmlflow.config.nearest import did_you_mean
from tfmlflow.errors import UsageError
from tfmlflow.sweep.search.dimension import Choices, Condition, Dimension
from tfmlflow.sweep.search.space import Space

SHOWN = "a list, text as on the command line such as 'interval(0, 0.5)', or {values: …, when: {model: mlp}}"


def typed(said: Mapping[str, Any]) -> list[str]:
    """The space as it would be typed on a command line, without its conditions.

    Raises:
        UsageError: An entry makes no sense.
    """
    return [f"{key}={_values(key, entry)}" for key, entry in said.items()]


def conditions(said: Mapping[str, Any]) -> dict[str, tuple[Condition, ...]]:
    """Where each key varies.

    Raises:
        UsageError: A condition makes no sense.
    """
    return {key: tuple(_conditions(key, entry)) for key, entry in said.items() if isinstance(entry, Mapping)}


def settled(space: Space, given: Mapping[str, tuple[Condition, ...]], value_of: Callable[[str], str | None]) -> Space:
    """`space` with conditions; those that no job can fulfil, or all do, are gone.

    Args:
        space: Of the sweep.
        given: Conditions by key of the config.
        value_of: What a key that does not vary is in every job; None: there is none.

    Raises:
        UsageError: A condition asks for a value that is not among those that its key can have.
    """
    kept = dict(enumerate(space.dimensions))
    while True:  # what depends on something that is not there is not there
        there = {space.keys[place] for place in kept}
        found = {place: _when(space, place, given, there, value_of) for place in kept}
        if all(when is not None for when in found.values()):
            dimensions = tuple(replace(kept[place], when=when) for place, when in found.items() if when is not None)
            return Space(space.fixed, dimensions)
        kept = {place: kept[place] for place, when in found.items() if when is not None}


def _when(
    space: Space,
    place: int,
    given: Mapping[str, tuple[Condition, ...]],
    there: Container[str],
    value_of: Callable[[str], str | None],
) -> tuple[Condition, ...] | None:
    """The conditions of a dimension that may or may not be fulfilled; None if one never is."""
    key, when = space.keys[place], []
    for name, told in given.get(key, ()):
        if name in space.named:
            _require_known(key, name, told, space.named[name])
            if name not in there:
                return None
            when.append((name, told))
        elif value_of(name) is None:
            near = did_you_mean(name, space.keys) or " in the config"
            raise UsageError(f"sweep.space.{key}.when.{name}: no such key{near}")
        elif value_of(name) not in told:
            return None
    return tuple(when)


def _require_known(key: str, name: str, told: tuple[str, ...], parent: Dimension) -> None:
    strange = [value for value in told if value not in parent.values] if isinstance(parent, Choices) else []
    if strange:
        raise UsageError(
            f"sweep.space.{key}.when.{name}={strange[0]}: {name} is {', '.join(parent.values)} in this sweep"
            f"{did_you_mean(strange[0], parent.values)}"
        )


def _values(key: str, entry: Any) -> str:
    values = entry.get("values") if isinstance(entry, Mapping) else entry
    if isinstance(entry, Mapping) and (set(entry) - {"values", "when"} or values is None):
        raise UsageError(f"sweep.space.{key}={dict(entry)}: must be {SHOWN}")
    if isinstance(values, str) and values:
        return values
    if isinstance(values, list) and values:
        return "choice(" + ",".join(map(_text, values)) + ")"
    raise UsageError(f"sweep.space.{key}={values}: must be {SHOWN}")


def _conditions(key: str, entry: Mapping[str, Any]) -> Iterator[Condition]:
    when = entry.get("when") or {}
    if not isinstance(when, Mapping):
        raise UsageError(f"sweep.space.{key}.when={when}: must be keys and their values, such as {{model: mlp}}")
    for name, told in when.items():
        yield str(name), tuple(_text(value) for value in (told if isinstance(told, list) else [told]))


def _text(value: Any) -> str:
    """A value of YAML as a command line has it."""
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_text(one)}" for key, one in value.items()) + "}"
    return value if isinstance(value, str) else json.dumps(value)
