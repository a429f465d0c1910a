"""An option file with its comments, which are what people are told of a key where they set it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Key:
    """A key of an option.

    Attributes:
        name: Dotted, within its group.
        default: As it stands in the file.
        said: The comment behind it, or those above it; empty if there is none.
    """

    name: str
    default: str
    said: str


@dataclass(frozen=True)
class OptionFile:
    """One option of a group.

    Attributes:
        name: As it is typed.
        said: The comment at its head.
        target: What it makes, or the empty text.
        keys: In their order, without `name` and `_target_`.
    """

    name: str
    said: str
    target: str
    keys: tuple[Key, ...]

    @classmethod
    def of(cls, file: Path) -> OptionFile:
        """The option in `file`."""
        text = file.read_text(encoding="utf-8")
        node = yaml.compose(text)
        head = [line.removeprefix("#").strip() for line in _comments(text.splitlines(), 0)]
        head = [line for line in head if not line.startswith("@package")]
        found = list(_keys(node, text.splitlines(), "")) if isinstance(node, yaml.MappingNode) else []
        target = next((key.default for key in found if key.name == "_target_"), "")
        keys = tuple(key for key in found if key.name not in ("name", "_target_"))
        return cls(file.stem, " ".join(head), "" if target == "???" else target, keys)


def _keys(node: yaml.MappingNode, lines: list[str], prefix: str) -> Iterator[Key]:
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        behind = lines[value.end_mark.line][value.end_mark.column :] if value.end_mark.line < len(lines) else ""
        block = isinstance(value, yaml.MappingNode) and not value.flow_style
        inside = block and all(name.value != "_target_" for name, _ in value.value)
        if block:
            behind = lines[key.end_mark.line][key.end_mark.column :]
        said = re.search(r"#\s*(.*)", behind)
        above = [line.strip().removeprefix("#").strip() for line in _above(lines, key.start_mark.line)]
        text = said[1] if said else " ".join(above) if key.start_mark.line and prefix + key.value != "name" else ""
        if inside:
            yield from _keys(value, lines, f"{name}.")
        else:
            yield Key(name, _written(value, lines), text)


def _written(node: yaml.Node, lines: list[str]) -> str:
    if isinstance(node, yaml.MappingNode) and not node.flow_style:
        pairs = (f"{key.value}: {_written(value, lines)}" for key, value in node.value)
        return f"{{{', '.join(pairs)}}}"
    start, end = node.start_mark, node.end_mark
    return lines[start.line][start.column : end.column if end.line == start.line else None].strip() or "null"


def _comments(lines: list[str], start: int) -> Iterator[str]:
    for line in lines[start:]:
        if not line.startswith("#"):
            return
        yield line


def _above(lines: list[str], number: int) -> list[str]:
    found: list[str] = []
    while number > 0 and lines[number - 1].lstrip().startswith("#"):
        number -= 1
        found.insert(0, lines[number])
    return found
