"""Keys that nobody knows, and keys that were taken away: `+modle.units=3`, `~trainer.epochs`.

Hydra refuses an unknown key, unless it is added with `+` or stands in a user's own file; a typo there would pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tfmlflow.config.location import options
from tfmlflow.config.nearest import did_you_mean
from tfmlflow.config.option_files import flat, keys, keys_by_target
from tfmlflow.config.schema import SCHEMA

OWN = "recipe"  # where an experiment file may keep values of its own, for references
PROFILE = "profile"  # that debug=profile brings
NEEDED = {"data": ("batch_size", "limit"), "optimizer": ("learning_rate",), "objective": ("metric", "mode")}
GROUPS = tuple(group for group in SCHEMA if group not in ("", "objective"))


def strangers_and_missing(values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the keys of a whole config.

    Args:
        values: The config, its groups mappings.
    """
    known = [*GROUPS, "objective", "seed", OWN, PROFILE]
    for key in values:
        if key not in known:
            yield f"{key}: no such group or key{did_you_mean(str(key), known) or ''}; values of your own go under {OWN}"
    if "seed" not in values:
        yield "seed: was taken away; it must have a value: seed=0"
    for group in GROUPS:
        yield from _of_group(group, values[group])
    for key in NEEDED["objective"]:
        if key not in values["objective"]:
            yield f"objective.{key}: was taken away; it must have a value"


def _of_group(group: str, section: Mapping[str, Any]) -> Iterator[str]:
    name = str(section.get("name"))
    present = set(flat(section)) | set(section)
    wanted = keys(f"{group}/{name}") if name in options(group) else ["name", "_target_", *NEEDED.get(group, ())]
    if group in ("tracking", "sweep"):
        wanted = [key for key in wanted if key != "_target_"]
    for key in wanted:
        if key not in present and key.split(".")[0] not in section:
            yield f"{group}.{key}: was taken away or is not in the file; it must have a value: {group}.{key}=…"
    allowed = keys_by_target(group, name, str(section.get("_target_")))
    if allowed is None:
        return
    parents = {key.rpartition(".")[0] for key in allowed}
    for key in sorted(set(flat(section)) - allowed):
        if key.split(".")[0] not in allowed and key not in parents:
            yield f"{group}.{key}: {group}={name} has no key {key!r}{did_you_mean(key, allowed)}"
