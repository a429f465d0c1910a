"""The option files as text: which keys an option has, and which option a command line chooses.

Read when a message is made or a config is checked, without composing anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tfmlflow.config.location import conf, options

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NO_KEYS = ("defaults", "hydra")


@cache
def content(name: str, folder: Path | None = None) -> dict[str, Any]:
    """The YAML mapping in `<folder>/<name>.yaml`, by default of the shipped options; empty if there is none."""
    file = (folder or conf()) / f"{name}.yaml"
    try:
        values = yaml.load(file.read_text(encoding="utf-8"), LOADER)
    except (OSError, yaml.YAMLError):
        return {}
    return values if isinstance(values, dict) else {}


def whole(group: str, option: str) -> dict[str, Any]:
    """An option of a group with those that it builds on, by its `defaults`."""
    own = dict(content(f"{group}/{option}"))
    values: dict[str, Any] = {}
    for entry in own.pop("defaults", ()):
        if isinstance(entry, str):
            values |= own if entry == "_self_" else whole(group, entry)
    return values | own


def keys(name: str, arguments: Sequence[str] = ()) -> list[str]:
    """Dotted keys of an option file, shipped or in the folder that `--config-dir` names."""
    group, _, option = name.partition("/")
    values = whole(group, option) if option else content(name)
    for folder in _config_dirs(arguments):
        values = values or content(name, folder)
    return [key for key in flat(values) if key.split(".")[0] not in NO_KEYS]


def keys_by_target(group: str, option: str, target: str) -> set[str] | None:
    """Keys that go with a shipped `_target_`; None if no shipped option has it."""
    named = content(f"{group}/{option}")
    if named.get("_target_") == target:
        return set(flat(named))
    found = [content(f"{group}/{each}") for each in options(group)]
    matching = [set(flat(values)) for values in found if values.get("_target_") == target]
    return set().union(*matching) if matching else None


def flat(values: Any, prefix: str = "") -> Iterator[str]:
    """Dotted keys; a mapping that is empty or has a `_target_` of its own is one key."""
    for key, value in values.items():
        if isinstance(value, dict) and value and "_target_" not in value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def chosen(group: str, arguments: Sequence[str]) -> list[str]:
    """The options of `group` that a command line chooses: by name, by a recipe, or by default."""
    for argument in reversed(arguments):
        if argument.startswith(f"{group}="):
            return argument.partition("=")[2].split(",")
    for recipe in ("debug", "experiment"):
        for argument in reversed(arguments):
            if argument.startswith(f"{recipe}="):
                for name in argument.partition("=")[2].split(","):
                    if option := _by_recipe(f"{recipe}/{name}", group):
                        return [option]
    for entry in content("config").get("defaults", ()):
        if isinstance(entry, dict) and entry.get(group):
            return [str(entry[group])]
    return []


def _by_recipe(name: str, group: str) -> str | None:
    for entry in reversed(content(name).get("defaults", ())):
        if isinstance(entry, dict):
            for key, option in entry.items():
                if re.fullmatch(rf"(override )?/?{group}", key):
                    return str(option)
        elif entry != "_self_" and (option := _by_recipe(f"{name.partition('/')[0]}/{entry}", group)):
            return option
    return None


def _config_dirs(arguments: Sequence[str]) -> Iterator[Path]:
    for i, argument in enumerate(arguments):
        if argument in ("--config-dir", "-cd") and i + 1 < len(arguments):
            yield Path(arguments[i + 1])
        elif argument.startswith("--config-dir="):
            yield Path(argument.partition("=")[2])
