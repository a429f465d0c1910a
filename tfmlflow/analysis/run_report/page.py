"""The report of a run as one page of HTML; its charts are drawn by a script of ours, so that it stays small."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfmlflow.analysis.page.document import document, part


def html(title: str, said: Mapping[str, Any]) -> str:
    """The page.

    Args:
        title: Of the page.
        said: Its content, by sections; one that is not there, or empty, is left out. `run.js` shows them.
    """
    scripts = (part(__name__, "charts.js"), part(__name__, "run.js"))
    return document(title, dict(said), scripts, part(__name__, "run.css"))
