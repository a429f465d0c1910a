"""The overrides of a second profile."""

from __future__ import annotations

from tfmlflow.profile.again import last


def test_what_is_advised_takes_the_place_of_what_was_typed() -> None:
    typed = ["data=digits", "+schedule.each=step", "trainer.jit_compile=true", "data.batch_size=2"]
    assert last([*typed, "trainer.jit_compile=false", "++schedule.each=epoch"]) == [
        "data=digits",
        "data.batch_size=2",
        "trainer.jit_compile=false",
        "++schedule.each=epoch",
    ]
