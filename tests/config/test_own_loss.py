"""A loss of one's own on the command line."""

from __future__ import annotations

import pytest

from tfmlflow.command.compose import compose


@pytest.mark.parametrize(
    "words",
    [
        ["trainer.loss._target_=keras.losses.Huber", "trainer.loss.delta=2.0"],
        ["trainer.loss={_target_: keras.losses.Huber, delta: 2.0}"],
    ],
    ids=["keys", "mapping"],
)
def test_it_is_typed_key_by_key_or_as_a_whole(words: list[str]) -> None:
    made = compose(["data=diabetes", *words])
    assert dict(made.trainer.loss) == {"_target_": "keras.losses.Huber", "delta": 2.0}
