"""Mappings on the command line, in Hydra's own syntax: `'tracking.tags={team: a}'`, `'optimizer={learning_rate: 0.1}'`.

Hydra merges a mapping into the keys that are there and refuses others; a key that takes any mapping is to take any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from tfmlflow.config.location import groups, options
from tfmlflow.config.schema import SCHEMA
from tfmlflow.config.values import Either, Table

OWN_LOSS = re.compile(r"trainer\.loss\.\w+(\.\w+)*=")
MAPPING = re.compile(r"([+]{0,2})([a-z_]+(?:\.\w+)*)=(\{.*\})", re.DOTALL)


def opened(arguments: Sequence[str]) -> list[str]:
    """The arguments, with every mapping in a form that Hydra takes as it is meant."""
    result: list[str] = []
    for argument in arguments:
        if OWN_LOSS.match(argument):  # whose default is a word, into which Hydra puts no keys
            result.append(f"++{argument}")
            continue
        found = MAPPING.fullmatch(argument)
        value = _mapping(f"{found[2]}={found[3]}") if found is not None else None
        if found is None or value is None:
            result.append(argument)
        elif found[2] in groups():
            result += _of_group(found[2], value, arguments)
        elif takes_any(found[2]):
            result.append(f"++{found[2]}={found[3]}")
        else:
            result.append(argument)
    return result


def takes_any(key: str) -> bool:
    """Whether a dotted key holds a mapping whose keys are up to the user."""
    group, _, rest = key.partition(".")
    kinds = SCHEMA.get(group, {})
    kind = kinds.get(rest)
    parts = kind.kinds if isinstance(kind, Either) else (kind,)
    return any(isinstance(part, Table) for part in parts) and not any(name.startswith(f"{rest}.") for name in kinds)


def _mapping(argument: str) -> dict[Any, Any] | None:
    try:
        value = OverridesParser.create().parse_override(argument).value()
    except HydraException:
        return None
    return value if isinstance(value, dict) else None


def _of_group(group: str, values: dict[Any, Any], arguments: Sequence[str]) -> Iterator[str]:
    """A whole group as a mapping: each of its keys; with a `_target_` it is somebody's own."""
    own = "_target_" in values and "custom" in options(group)
    if own and not any(argument.startswith(f"{group}=") and "{" not in argument for argument in arguments):
        yield f"{group}=custom"
    yield from _leaves(group, values, "++" if own else "")


def _leaves(prefix: str, values: dict[Any, Any], sign: str) -> Iterator[str]:
    for key, value in values.items():
        name = f"{prefix}.{key}"
        if isinstance(value, dict) and value and not sign and not takes_any(name):
            yield from _leaves(name, value, sign)
        else:
            added = "++" if isinstance(value, dict) else sign
            yield f"{added}{name}={as_override(value)}"


def as_override(value: Any) -> str:
    """A value as Hydra's grammar has it."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{as_override(key)}:{as_override(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(as_override, value)) + "]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    plain = not isinstance(value, str) or re.fullmatch(r"[A-Za-z_][\w.]*", value)
    return str(value) if plain else str(QuotedString(value, Quote.single).with_quotes())
