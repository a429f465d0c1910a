"""Turns what Hydra says about a wrong command into one message with the nearest right name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from tfmlflow.config.location import conf, groups, options
from tfmlflow.config.nearest import did_you_mean
from tfmlflow.errors import UsageError


def explain(error: Exception, arguments: Sequence[str]) -> UsageError:
    """A message for a user out of an error of Hydra or OmegaConf.

    Args:
        error: What was raised while composing.
        arguments: The command line, from which the chosen options are read.
    """
    text = str(error)
    if match := re.search(r"Could not find '([\w.-]+(?:/[\w.-]+)*)/([^'/]+)'", text):
        return UsageError(_unknown_option(match[1], match[2], text))
    if match := re.search(r"Could not override '([^']+)'", text):
        return UsageError(_unknown_key(match[1], arguments))
    if match := re.search(r"Could not override '?([^'\s]+)'?\. No match in the defaults list", text):
        return UsageError(_unknown_key(match[1].split("@")[0], arguments))
    if match := re.search(r"Additional config directory '([^']+)' not found", text):
        return UsageError(f"--config-dir {match[1]}: no such folder")
    if match := re.search(r"[Ee]rror parsing override '([^']*)'", text):
        return UsageError(_not_an_override(match[1]))
    if match := re.search(r"Cannot find primary config '([^']+)'", text):
        return UsageError(f"--config-name {match[1]}: no such config; leave it out for config.yaml")
    if match := re.search(r"Could not append to config\. An item is already at '([^']+)'", text):
        return UsageError(f"+{match[1]}: the key is there already; write {match[1]}=value without the +")
    if match := re.search(r"at input '(.*?)'", text):
        whole = [argument for argument in arguments if match[1] and match[1] in argument]
        return UsageError(_not_an_override(whole[0] if whole else match[1]))
    cause = f" ({str(error.__cause__).splitlines()[0]})" if error.__cause__ and str(error.__cause__) else ""
    return UsageError(" ".join(text.split()) + cause)


def _unknown_option(group: str, option: str, text: str) -> str:
    listed = re.findall(r"^\t(\S+)$", text, re.MULTILINE) or options(group)
    known = [name for name in listed if name]
    nearest = did_you_mean(option, known) or ";"
    return f"{group}={option}: no such option{nearest} {group} can be {', '.join(known)}"


def _unknown_key(key: str, arguments: Sequence[str]) -> str:
    group, _, rest = key.partition(".")
    if group not in groups():
        known = [*groups(), *_keys_of_file("config")]
        nearest = did_you_mean(group, known) or f"; there are {', '.join(known)}"
        return f"{key}: no such {'key' if rest else 'group or key'}{nearest}"
    if not rest:
        return f"{key}: no such key{did_you_mean(group, groups())}"
    option = _chosen(group, arguments)
    own = _keys_of_file(f"{group}/{option}")
    elsewhere = [name for name in options(group) if rest in _keys_of_file(f"{group}/{name}")]
    message = f"{key}: {group}={option} has no key {rest!r}{did_you_mean(rest, own)}"
    if elsewhere:
        message += f"; {group}={', '.join(elsewhere)} {'has' if len(elsewhere) == 1 else 'have'} it"
    else:
        message += f"\n  its keys are {', '.join(own)}" if own else ""
    if option == "custom":
        message += f"\n  to give your own argument, write +{key}=…"
    return message


def _not_an_override(text: str) -> str:
    if "=" not in text:
        return f"{text!r}: not of the form key=value or group=option; flags begin with - (see --help)"
    key, _, value = text.partition("=")
    return f"{text}: cannot be read; put the value in quotes if it has special characters: \"{key}='{value}'\""


def _chosen(group: str, arguments: Sequence[str]) -> str:
    for argument in reversed(arguments):
        if argument.startswith(f"{group}="):
            return argument.partition("=")[2].split(",")[0]
    match = re.search(rf"^\s*- {group}: (\S+)", (conf() / "config.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    return match[1] if match else ""


def _keys_of_file(name: str) -> list[str]:
    import yaml

    file = conf() / f"{name}.yaml"
    if not file.is_file():
        return []
    with file.open(encoding="utf-8") as stream:
        return [
            key for key in _flat(yaml.safe_load(stream)) if key.split(".")[0] not in ("_target_", "defaults", "hydra")
        ]


def _flat(values: Any, prefix: str = "") -> Iterable[str]:
    if isinstance(values, dict):
        for key, value in values.items():
            yield f"{prefix}{key}"
            if isinstance(value, dict):
                yield from _flat(value, f"{prefix}{key}.")
