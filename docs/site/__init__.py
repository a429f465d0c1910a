"""What Sphinx does not do by itself: pages that are made out of the schema, the commands and the docstrings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject

from docs.site import docstrings, help_text, pages


def setup(app: Sphinx) -> dict[str, Any]:
    """As Sphinx calls it."""
    app.connect("source-read", pages.read)
    app.connect("include-read", included)
    app.connect("env-get-outdated", pages.made)
    app.connect("autodoc-process-docstring", docstrings.as_rst, priority=100)  # before napoleon
    app.connect("sphinx-click-process-description", help_text.examples_as_code)
    app.connect("doctree-read", with_dashes)
    PyObject._toc_entry_name = lambda *_: (
        ""
    )  # the headings above them say what is typed, where they are all called load
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def included(app: Sphinx, path: Path, page: str, content: list[str]) -> None:
    """A file of the repository's root, parts of which a page shows."""
    content[0] = pages.from_root(content[0])


def with_dashes(app: Sphinx, tree: nodes.document) -> None:
    """Between an argument and its meaning, where Sphinx counts on dashes that are made out of every `--flag`."""
    for text in list(tree.findall(nodes.Text)):
        if text == " -- ":
            text.parent.replace(text, nodes.Text(" \N{EN DASH} "))
