"""A comparison as one page of HTML: plotly.js inside, no network, nothing of a run's text taken for markup.

All that comes from runs is in one block of JSON; the page's own script writes it by `textContent`. The content security
policy allows our two scripts by their hashes and nothing from elsewhere.
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

from tfmlflow.analysis.aligned import Curve
from tfmlflow.analysis.comparison import Comparison
from tfmlflow.analysis.pair import Pair
from tfmlflow.analysis.report import content

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
<script>{plotly}</script>
<script>{script}</script>
</body>
</html>
"""


def html(
    comparison: Comparison, curves: Sequence[Curve], metric: str, by: str, title: str, pair: Pair | None = None
) -> str:
    """The page.

    Args:
        comparison: Of the runs.
        curves: Of `metric`, of the best configurations.
        metric: What the curves show.
        by: What they are aligned by.
        title: Of the page.
        pair: What two runs do not share, if there are two.
    """
    from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

    own = files(__package__)
    plotly, script = (text.replace("</script", r"<\/script") for text in (get_plotlyjs(), _text(own, "page.js")))
    policy = (
        f"default-src 'none'; script-src {_hash(plotly)} {_hash(script)} 'unsafe-eval'; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return PAGE.format(
        policy=policy,
        title=markup.escape(title),
        style=_text(own, "page.css"),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        content=embedded(content.of(comparison, curves, metric, by, pair)),
        plotly=plotly,
        script=script,
    )


def embedded(value: Any) -> str:
    """JSON that cannot end the element it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _text(folder: Any, name: str) -> str:
    return str((folder / name).read_text(encoding="utf-8"))


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
