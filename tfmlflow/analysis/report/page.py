"""A comparison as one page of HTML, with plotly.js inside."""

from __future__ import annotations

from collections.abc import Sequence

from tfmlflow.analysis.aligned import Curve
from tfmlflow.analysis.comparison import Comparison
from tfmlflow.analysis.page.document import document, part
from tfmlflow.analysis.pair import Pair
from tfmlflow.analysis.report import content


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

    said = content.of(comparison, curves, metric, by, pair)
    return document(title, said, (get_plotlyjs(), part(__name__, "page.js")), evaluates=True)
