"""Keeps passwords out of what is stored and printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "********"
SECRET_KEY = re.compile(
    r"password|passwd|secret|credential|(api|access|private)_?key|(^|[._])((auth|access|api|bearer|hf|refresh)_?)?token$",
    re.IGNORECASE,
)
LOGIN = re.compile(r"(?<=://)[^/@\s]+@")
PAIR = re.compile(r"""([\w.]*\w)(["']?[ \t]*[:=][ \t]*["']?)([^\s,{}'"]+)""")
PLAIN = re.compile(r"-?\d+(\.\d+)?|true|false|null|\*+", re.IGNORECASE)


def masked(key: str, value: Any) -> Any:
    """`value`, or a mask if its key says that it is a secret; logins in addresses are masked in any text.

    Numbers and switches are never secrets: `max_tokens` is a setting.
    """
    if not isinstance(value, str):
        return value
    return MASK if is_secret(key, value) else LOGIN.sub(f"{MASK}@", value)


def is_secret(key: str, value: Any) -> bool:
    """Whether a setting is one that must not be stored."""
    return isinstance(value, str) and bool(value and SECRET_KEY.search(key) and not PLAIN.fullmatch(value))


def secrets_in(values: Mapping[str, Any]) -> set[str]:
    """The secrets among settings by dotted names, for finding them in other texts."""
    return {value for key, value in values.items() if is_secret(key, value)}


def masked_overrides(overrides: Iterable[str]) -> str:
    """Overrides `key=value` in one line."""
    return " ".join(masked_text(override).rstrip("\n") for override in overrides)


def masked_text(text: str) -> str:
    """YAML, overrides or plain text with the values of secret keys masked, wherever in a line they stand."""

    def pair(found: re.Match[str]) -> str:
        key, between, value = found.groups()
        return f"{key}{between}{MASK}" if is_secret(key, value) else found[0]

    return LOGIN.sub(f"{MASK}@", PAIR.sub(pair, text))
