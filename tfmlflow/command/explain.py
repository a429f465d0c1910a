"""Turns what Hydra says about a wrong command into one message with the nearest right name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from tfmlflow.command.flags import WITH_VALUE
from tfmlflow.config.location import groups, options
from tfmlflow.config.meant import meant
from tfmlflow.config.nearest import did_you_mean
from tfmlflow.config.option_files import chosen, content, keys
from tfmlflow.errors import UsageError


def explain(error: Exception, arguments: Sequence[str]) -> UsageError:
    """A message for a user out of an error of Hydra or OmegaConf.

    Args:
        error: What was raised while composing.
        arguments: The command line, from which the chosen options are read.
    """
    text = str(error)
    if match := re.search(r"Additional config directory '([^']+)' not found", text):
        return UsageError(f"--config-dir {match[1]}: no such folder")
    if match := re.search(r"Cannot find primary config '([^']+)'", text):
        return UsageError(f"--config-name {match[1]}: no such config; leave it out for config.yaml")
    if unreadable := next((a for a in _overrides(arguments) if not _readable(a)), None):
        return UsageError(_not_an_override(unreadable))
    if match := re.search(r"Could not find '([\w.-]+(?:/[\w.-]+)*)/([^'/]+)'", text):
        return UsageError(_unknown_option(match[1], match[2], text))
    if match := re.search(r"Could not (?:override|delete from config)\.? ?'([^'\s]+)'", text):
        return UsageError(_unknown_key(match[1].split("@")[0], arguments))
    if match := re.search(r"Ambiguous value for argument '([^']+)'", text):
        return UsageError(_several(match[1]))
    if match := re.search(r"Could not delete[^']*'~?([\w.]+)", text):
        return UsageError(_unknown_key(match[1], arguments))
    if match := re.search(r"Could not append to config\. An item is already at '([^']+)'", text):
        return UsageError(f"+{match[1]}: the key is there already; write {match[1]}=value without the +")
    cause = f" ({str(error.__cause__).splitlines()[0]})" if error.__cause__ and str(error.__cause__) else ""
    return UsageError(" ".join(text.split()) + cause)


def _overrides(arguments: Sequence[str]) -> list[str]:
    before = [None, *arguments]
    return [a for a, one in zip(arguments, before, strict=False) if not a.startswith("-") and one not in WITH_VALUE]


def _readable(argument: str) -> bool:
    try:
        OverridesParser.create().parse_override(argument)
    except HydraException:
        return False
    return True


def _not_an_override(text: str) -> str:
    if "=" not in text:
        return f"{text!r}: not of the form key=value or group=option; flags begin with - (see --help)"
    key, _, value = text.partition("=")
    if key != key.strip() or value != value.strip():
        return f"{text}: no blanks around the =: {key.strip()}={value.strip()}"
    if not key.isascii():
        return f"{text}: Hydra's keys are of the letters a-z, digits and _ alone; name it otherwise"
    for opening, closing in ("[]", "{}", "()"):
        if value.count(opening) != value.count(closing):
            return f"{text}: the brackets do not match; write {key}={opening}…{closing}"
    if value.count("'") % 2 or value.count('"') % 2:
        return f"{text}: the quotes do not match"
    return f"{text}: cannot be read; put the value in quotes if it has special characters: \"{key}='{value}'\""


def _several(text: str) -> str:
    key, _, value = text.partition("=")
    as_text = "" if key in groups() else f"; {key}=[{value}] is one list, '{key}=\"{value}\"' one text"
    return f"{text}: several values; add -m for one run each{as_text}"


def _unknown_option(group: str, option: str, text: str) -> str:
    known = re.findall(r"^\t(\S+)$", text, re.MULTILINE) or options(group)
    nearest = did_you_mean(option, known) or ";"
    return f"{group}={option}: no such option{nearest} {group} can be {', '.join(known)}"


def _unknown_key(key: str, arguments: Sequence[str]) -> str:
    group, _, rest = key.partition(".")
    if group not in groups():
        if not rest and (found := meant(key, arguments)):
            return f"{key}: no such group or key; did you mean {' or '.join(found)}?"
        known = [name for name in [*groups(), *keys("config")] if rest or "." not in name or key in name]
        nearest = did_you_mean(key, known) or did_you_mean(group, known) or f"; there are {', '.join(known)}"
        return f"{key}: no such {'key' if rest else 'group or key'}{nearest}"
    lacking = [(o, keys(f"{group}/{o}", arguments)) for o in chosen(group, arguments)]
    option, own = next(((o, names) for o, names in lacking if rest not in names), ("", []))
    nearest = did_you_mean(rest, own)
    message = f"{key}: {group}={option} has no key {rest!r}{nearest}"
    elsewhere = [name for name in options(group) if rest in content(f"{group}/{name}")]
    if elsewhere:
        has = "has" if len(elsewhere) == 1 else "have"
        message += f"{'' if nearest else ';'} {group}={', '.join(elsewhere)} {has} it"
    elif own:
        message += f"\n  its keys are {', '.join(name for name in own if name != '_target_')}"
    if option == "custom":
        message += f"\n  to give your own argument, write +{key}=…"
    return message
