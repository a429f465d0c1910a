"""Docstrings as this project writes them: Google's sections, Markdown's ticks."""

from __future__ import annotations

import inspect
import re
from typing import Any

SECTION = re.compile(r"^(Args|Arguments|Attributes|Returns|Raises|Example|Examples|Reference|References|Yields)s?:\s*$")
ENTRY = re.compile(r"^(\*{0,2}[A-Za-z_]\w*(?:,\s*\*{0,2}[A-Za-z_]\w*)*)\s*(?:\([^)]*\))?:\s*(.*)$")


def arguments(thing: Any) -> dict[str, str]:
    """What the docstring of a function or class says of each argument or attribute, in one line each."""
    found: dict[str, str] = {}
    inside, names, depth = False, list[str](), 0
    for line in (inspect.getdoc(thing) or "").splitlines():
        if SECTION.match(line):
            inside, names = line.startswith(("Arg", "Attr")), []
            depth = 0
            continue
        if not inside or not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if indent == 0:
            inside = False
            continue
        depth = depth or indent
        entry = ENTRY.match(line.strip()) if indent == depth else None
        if entry:
            names = [name.strip().lstrip("*") for name in entry[1].split(",")]
            found |= dict.fromkeys(names, entry[2])
        else:
            found |= {name: f"{found[name]} {line.strip()}".strip() for name in names}
    return found


def as_rst(app: Any, kind: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """For `autodoc-process-docstring`, before napoleon, which takes words before a colon for a type."""
    if kind == "property" and lines:
        lines[0] = lines[0].replace(": ", r"\: ")
    if (found := _section(lines, "Returns")) is not None:
        start, end = found
        lines[start:end] = [f":returns: {' '.join(line.strip() for line in lines[start + 1 : end])}".rstrip(), ""]
    if (found := _section(lines, "Example")) is not None:
        start, end = found
        block = inspect.cleandoc("\n".join(["", *lines[start + 1 : end]])).splitlines()
        session = any(line.startswith(">>>") for line in block)
        code = block if session else [".. code-block:: python", "", *(f"    {line}" if line else "" for line in block)]
        lines[start:end] = [".. rubric:: Example", "", *code, ""]


def _section(lines: list[str], title: str) -> tuple[int, int] | None:
    """Where a section begins and ends; None if there is none."""
    start = next((number for number, line in enumerate(lines) if line.rstrip() == f"{title}:"), None)
    if start is None:
        return None
    end = next((n for n in range(start + 1, len(lines)) if lines[n].strip() and lines[n][0] != " "), len(lines))
    return start, end
