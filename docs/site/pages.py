"""What is put into pages as they are read, so that no text is kept twice and none goes stale."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from docs.site import api, help_text, options

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
MADE: dict[str, Callable[[], str]] = {"options": options.markdown, "api": api.markdown, "train": help_text.markdown}
TO_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?:|mailto:|#|<)([^)#\s]+)(#[^)\s]*)?\)")
NOT_RUN = re.compile(r"^([ \t]*)<!-- not run: (.*?) -->$", re.MULTILINE)
RUN_IN = re.compile(r"^\*\*([^*\n]+?)\*\*(?=[ ,:]|$)(.*)$", re.MULTILINE)


def read(app: Any, page: str, source: list[str]) -> None:
    """For `source-read`."""
    text = linked(source[0], (DOCS / f"{page}.md").parent)
    for name, make in MADE.items():
        mark = f"<!-- made of: {name} -->"
        text = text.replace(mark, make()) if mark in text else text
    if "<!-- pages: others -->" in text:
        text = text.replace("<!-- pages: others -->", "\n".join(others(text, app.project.docnames)))
    source[0] = told(text)


def from_root(text: str) -> str:
    """A file of the repository's root, as a page may show parts of it: what begins a paragraph in bold is a heading."""
    text = linked(text, ROOT)
    start = text.find("## The tour\n")
    if start >= 0:
        end = text.index("\n## ", start + 5)
        text = text[:start] + RUN_IN.sub(_heading, text[start:end]) + text[end:]
    return told(text)


def made(app: Any, env: Any, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """For `env-get-outdated`: pages that are made anew each time."""
    return [page for page in ("options", "commands", "api", "index") if page in env.all_docs]


def others(index: str, pages: Iterable[str]) -> list[str]:
    """The pages that the index does not name, as the list of a toctree has them."""
    named = {line.strip() for line in index.splitlines()} | {"index"}
    return sorted(page for page in pages if page not in named)


def linked(text: str, folder: Path) -> str:
    """With links as the site needs them: to pages; to the repository, where its address is known; else as text.

    Args:
        text: Markdown.
        folder: That its links start from.

    Raises:
        ValueError: A link leads nowhere.
    """

    def link(match: re.Match[str]) -> str:
        sign, words, path, anchor = match[1], match[2], match[3], match[4] or ""
        file = (folder / path).resolve()
        if not file.exists():
            raise ValueError(f"{folder.name}: the link to {path} leads nowhere")
        if file.parent == ROOT and file.name in TO_PAGES:
            file = DOCS / TO_PAGES[file.name]
        if file.is_relative_to(DOCS) and file.suffix != ".py" and not file.is_dir():
            return f"{sign}[{words}](/{file.relative_to(DOCS)}{anchor})"
        if repository := os.environ.get("TFMLFLOW_REPOSITORY"):
            return f"[{words}]({repository.rstrip('/')}/{file.relative_to(ROOT)})"
        return words if words.startswith("`") else f"`{words}`"

    return LINK.sub(link, text)


def told(text: str) -> str:
    """With the reason why a block is run by no test, where the reader sees it."""
    return NOT_RUN.sub(r"\1*Run by no test: \2.*\n", text)


def _heading(match: re.Match[str]) -> str:
    words, rest = match[1], match[2]
    again = "" if words.endswith(".") else f"**{words}**"
    return f"## {words.rstrip('.,')}\n\n{again}{rest if again else rest.lstrip()}"
