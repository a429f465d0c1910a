"""How often something is done, as people write it."""

from __future__ import annotations

from typing import Any

import pytest

from tfmlflow.interval import Interval


@pytest.mark.parametrize(
    ("text", "every", "unit"),
    [
        (1, 1, "epoch"),
        (17, 17, "epoch"),
        ("3", 3, "epoch"),
        ("1 epoch", 1, "epoch"),
        ("3 epochs", 3, "epoch"),
        ("500 steps", 500, "step"),
        ("1 step", 1, "step"),
        ("500steps", 500, "step"),
        ("  10   minutes  ", 10, "minute"),
        ("1 minute", 1, "minute"),
        ("007 steps", 7, "step"),
    ],
)
def test_numbers_and_text_are_understood(text: Any, every: int, unit: str) -> None:
    assert Interval.parse(text) == Interval(every, unit)


@pytest.mark.parametrize(
    "text",
    [
        *(0, -1, 1.5, True, False, None, "", " ", "0", "0 steps", "-3", "+3", "1.5 epochs", "1e3 steps", "3 days"),
        *("steps", "3 stepss", "3 Steps", "3 steps 2 epochs", "three", "3;", [], {}),
    ],
)
def test_anything_else_is_refused_by_what_was_written(text: Any) -> None:
    with pytest.raises(ValueError, match="must be epochs as a whole number") as caught:
        Interval.parse(text)
    assert str(text) in str(caught.value)
