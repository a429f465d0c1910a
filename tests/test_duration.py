"""How long something took, in words."""

from __future__ import annotations

import pytest

from tfmlflow.duration import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.4, "0.4 s"), (45, "45 s"), (180, "3 min"), (9000, "2.5 h"), (864_000, "10.0 d")],
)
def test_times_are_said_as_people_say_them(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
