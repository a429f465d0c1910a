"""The space that a command line and the config describe together, with what varies only in some options of a group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException
from omegaconf import DictConfig, OmegaConf

from tfmlflow.errors import UsageError
from tfmlflow.sweep.search.dimension import Choices, Condition, Dimension, name_of
from tfmlflow.sweep.search.space import Space
from tfmlflow.sweep.search.yaml_space import SHOWN, conditions, settled, typed

Compose = Callable[[Sequence[str]], DictConfig]


def described(parser: OverridesParser, config: DictConfig, given: Sequence[str], compose: Compose) -> Space:
    """The space of a sweep; of a key that both name, the command line counts.

    A key that only some options of a varied group have varies where one of these is chosen.

    Args:
        parser: Hydra's.
        config: With the group `sweep`, and Hydra's part.
        given: The command line.
        compose: Gives the config of a job.

    Raises:
        UsageError: Something makes no sense.
    """
    declared = _declared(config)
    try:
        written = parser.parse_overrides(typed(declared))
    except OverrideParseException as error:
        raise UsageError(f"sweep.space: {error.override}: {str(error).splitlines()[0]}") from None
    space = Space.of([*written, *parser.parse_overrides(list(given))])
    space = settled(space, conditions(declared), lambda key: _constant(space, config, key))
    options = _Options(space, compose)
    return space.conditioned(options.owners)


def _declared(config: DictConfig) -> Mapping[str, Any]:
    said: Any = OmegaConf.to_container(config.sweep, resolve=True) if "sweep" in config else {}
    declared: Any = said.get("space") or {} if isinstance(said, Mapping) else {}
    if not isinstance(declared, Mapping):
        raise UsageError(f"sweep.space={declared}: must be keys, each with {SHOWN}")
    return {str(key): entry for key, entry in declared.items()}


def _constant(space: Space, config: DictConfig, key: str) -> str | None:
    """What a key that does not vary is, as on the command line; of a group, its option."""
    for fixed in space.fixed:
        name, _, value = fixed.partition("=")
        if name_of(name) == key:
            return value
    found: Any = config.hydra.runtime.choices.get(key)
    if found is None:
        found = OmegaConf.select(config, key)
    return None if found is None else str(found).lower() if isinstance(found, bool) else str(found)


class _Options:
    """Which options of a varied group have a key."""

    def __init__(self, space: Space, compose: Compose) -> None:
        self._space, self._compose = space, compose
        self._composed: dict[str, DictConfig] = {}

    def owners(self, dimension: Dimension) -> list[Condition]:
        """The options of its group that have a key, if the group varies and some have it not."""
        group, _, rest = name_of(dimension.key).partition(".")
        parent = self._space.named.get(group)
        said = any(key == group for key, _ in dimension.when)
        if said or not rest or dimension.key.startswith(("+", "~")) or not isinstance(parent, Choices):
            return []
        having = tuple(option for option in parent.values if self._has(f"{parent.key}={option}", group, rest))
        return [(group, having)] if 0 < len(having) < len(parent.values) else []

    def _has(self, override: str, group: str, rest: str) -> bool:
        if override not in self._composed:
            self._composed[override] = self._compose((*self._space.fixed, override))
        section: Any = self._composed[override].get(group)
        for part in rest.split("."):
            if not isinstance(section, DictConfig) or part not in section:
                return False
            section = section._get_node(part)
        return True
