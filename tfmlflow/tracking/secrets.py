"""Keeps passwords out of what is stored."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

MASK = "********"
SECRET_KEY = re.compile(r"(password|passwd|secret|token|api_?key|credential|private_?key)", re.IGNORECASE)
LOGIN = re.compile(r"(?<=://)[^/@\s]+@")


def masked(key: str, value: Any) -> Any:
    """`value`, or a mask if its key says that it is a secret; logins in addresses are masked in any text."""
    if value is not None and value != "" and SECRET_KEY.search(key):
        return MASK
    return LOGIN.sub(f"{MASK}@", value) if isinstance(value, str) else value


def masked_overrides(overrides: Iterable[str]) -> str:
    """Overrides `key=value` in one line."""
    shown = []
    for override in overrides:
        key, equals, value = override.partition("=")
        shown.append(f"{key}{equals}{masked(key, value)}")
    return " ".join(shown)


def masked_text(text: str) -> str:
    """YAML or plain text with secrets masked line by line."""
    lines = []
    for line in text.splitlines():
        found = re.match(r"^(\s*(?:- )?[\w.+~]*?)([\w]+)(\s*[:=]\s*)(\S.*)$", line)
        if found and SECRET_KEY.search(found[2]) and found[4] not in ("null", "''", '""'):
            line = f"{found[1]}{found[2]}{found[3]}{MASK}"
        lines.append(LOGIN.sub(f"{MASK}@", line))
    return "\n".join(lines) + "\n"
