"""A space that stands in a config file: `sweep.space`, the values of each key and where it varies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tfmlflow.config.nearest import did_you_mean
from tfmlflow.errors import UsageError
from tfmlflow.sweep.dimension import Choices, Condition, Dimension
from tfmlflow.sweep.space import Space

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
    kept: list[Dimension] = []
    for key, dimension in space.named.items():
        when = []
        for name, told in given.get(key, ()):
            parent = space.named.get(name)
            if parent is not None:
                _require_known(key, name, told, parent)
                when.append((name, told))
            elif value_of(name) is None:
                raise UsageError(
                    f"sweep.space.{key}.when.{name}: no such key{did_you_mean(name, space.keys) or ' in the config'}"
                )
            elif value_of(name) not in told:
                break
        else:
            kept.append(dimension)
            given = {**given, key: tuple(when)}
    return Space(space.fixed, tuple(kept)).conditioned(lambda d: given.get(_key(space, d), ()))


def _key(space: Space, dimension: Dimension) -> str:
    return next(key for key, one in space.named.items() if one.key == dimension.key)


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
