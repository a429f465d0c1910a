"""Values as people read them, and text of a store that cannot harm a terminal."""

from __future__ import annotations

import math


def number(value: float | None, digits: int = 4) -> str:
    """A number in about six characters; `-` for none."""
    if value is None or math.isnan(value):
        return "-"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.{digits}f}"
    return f"{value:.3g}"


def plain(text: str) -> str:
    """`text` on one line, without the control characters by which a stored name could steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def cut(text: str, width: int) -> str:
    """At most `width` characters, the middle left out."""
    if len(text) <= width:
        return text
    tail = max(0, (width - 1) // 3)
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def short_names(params: list[str]) -> dict[str, str]:
    """The shortest ending by which each dotted name is still told from the others; `optimizer.name` is `optimizer`."""
    plain_names = {param: param.removesuffix(".name") if param.count(".") else param for param in params}
    result = {}
    for param, name in plain_names.items():
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            ending = ".".join(parts[-count:])
            if sum(other == ending or other.endswith(f".{ending}") for other in plain_names.values()) == 1:
                break
        result[param] = ending
    return result


def as_number(value: str | None) -> float | None:
    """A setting as a number, None if it is none; true and false are words."""
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return None if number is None or number != number else number


def setting(text: str) -> str:
    """A setting as people read it: 0.00991230097140 is 0.009912, everything else as it is."""
    value = as_number(text)
    return text if value is None or len(text) <= 8 or value.is_integer() else f"{value:.4g}"
