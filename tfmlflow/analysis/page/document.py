"""A page of HTML that needs no network, with nothing of a run's text taken for markup.

All that comes from runs is in one block of JSON; the page's own scripts write it by `textContent`. The content security
policy allows these scripts by their hashes and nothing from elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import html as markup
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{title}</h1><p id="headline"></p><p id="summary"></p></header>
<main id="main"><noscript>This report needs JavaScript.</noscript></main>
<footer>made by tfmlflow, {made}; this file needs no network</footer>
<script type="application/json" id="content">{content}</script>
{scripts}
</body>
</html>
"""


def document(title: str, said: Any, scripts: Sequence[str], style: str = "", evaluates: bool = False) -> str:
    """A page with its content, of a title, a headline and what the scripts add to `main`.

    Args:
        title: Of the page.
        said: The content, plain values.
        scripts: Run one after the other, after `parts.js`.
        style: CSS beside `look.css`.
        evaluates: Whether they make functions of text, as plotly does.
    """
    closed = [script.replace("</script", r"<\/script") for script in (part(__name__, "parts.js"), *scripts)]
    allowed = [*map(_hash, closed), *(["'unsafe-eval'"] if evaluates else [])]
    policy = (
        f"default-src 'none'; script-src {' '.join(allowed)}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return PAGE.format(
        policy=policy,
        title=markup.escape(title),
        style=part(__name__, "look.css") + style,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        content=embedded(said),
        scripts="\n".join(f"<script>{script}</script>" for script in closed),
    )


def embedded(value: Any) -> str:
    """JSON that cannot end the element it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def part(module: str, name: str) -> str:
    """A script or style that lies beside a module."""
    return (files(module.rpartition(".")[0]) / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
