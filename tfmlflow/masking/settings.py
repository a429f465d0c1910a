"""Masks settings: values that have a name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tfmlflow.masking.keys import is_secret
from tfmlflow.masking.text import MASK, masked_text


def masked(key: str, value: Any) -> Any:
    """`value`, or a mask if its key says that it is a secret; secrets that have a form are masked in any text."""
    if is_secret(key, value):
        return MASK
    if isinstance(value, list | tuple):
        return [masked(key, item) for item in value]
    return masked_text(value) if isinstance(value, str) else value


def masked_overrides(overrides: Iterable[str]) -> str:
    """Overrides `key=value` in one line."""
    return " ".join(_override(override) for override in overrides)


def _override(override: str) -> str:
    key, sign, value = override.partition("=")
    return f"{key}={MASK}" if sign and is_secret(key.lstrip("+~"), value) else masked_text(override).rstrip("\n")


def secrets_in(values: Mapping[str, Any]) -> set[str]:
    """The secrets among settings by dotted names, for finding them in other texts."""
    found: set[str] = set()
    for key, value in values.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            if is_secret(key, one) and len(str(one)) > 3:
                found.add(str(one))
    return found
