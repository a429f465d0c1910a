"""The code blocks of README and docs, and what stands before one that no test here can run.

<!-- not run: needs a GPU -->           the reason; the site shows it above the block
<!-- run by: tests/e2e/test_x.py -->    the whole of it is run there
<!-- no code: what a command prints -->
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from tests.conftest import ROOT

MARK = re.compile(r"<!-- (not run|run by|no code): (.*?) -->")
FILE = re.compile(r"# ([\w/]+\.(?:py|yaml))$")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        page: Its file, from the repository's root.
        line: Where it stands, from 1.
        kind: The language that a fence names; empty for an indented block.
        text: What is in it.
        excuse: (`not run`, `run by` or `no code`, what is said of it), if that stands right before it.
    """

    page: str
    line: int
    kind: str
    text: str
    excuse: tuple[str, str] | None

    @property
    def file(self) -> str | None:
        """The file that this is a part of, by its first line."""
        found = FILE.match(self.text.splitlines()[0]) if self.text.strip() else None
        return found[1] if found else None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """All of a page; Sphinx's directives are none."""
    found: list[Block] = []
    before: tuple[str, str] | None = None
    for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block" and (mark := MARK.search(token.content)):
            before = (mark[1], mark[2])
        elif token.type in ("fence", "code_block") and token.map is not None:
            if not token.info.startswith("{"):
                name, text = str(page.relative_to(ROOT)), token.content
                found.append(Block(name, token.map[0] + 1, token.info.strip(), text, before))
            before = None
        elif token.type not in ("paragraph_open", "paragraph_close", "html_block") and token.level == 0:
            before = None
    return found


def write_files(page: Path, folder: Path) -> None:
    """The files that a page shows, put together out of its blocks."""
    for block in blocks(page):
        if block.file:
            file = folder / block.file
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a") as stream:
                stream.write(f"{block.text}\n")


ALL = [block for page in PAGES for block in blocks(page)]
