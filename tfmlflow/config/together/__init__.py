"""What the values of several groups may be together, which no key can be asked alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tfmlflow.config.together import compression, folding, mixing, pretrained, range_test, several, unfreezing


def problems(values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong, a line each.

    Args:
        values: The whole config, each value of a kind that its key may have.
    """
    yield from folding.problems(values["data"])
    yield from range_test.problems(values)
    yield from several.problems(values)
    yield from mixing.problems(values)
    yield from pretrained.problems(values)
    yield from unfreezing.problems(values)
    yield from compression.problems(values)
