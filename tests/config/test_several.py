"""What several copies of a model cannot do together is said before anything is loaded."""

from __future__ import annotations

from typing import Any

import pytest

from tfmlflow.config.together import several
from tfmlflow.errors import UsageError

CANNOT: list[tuple[str, dict[str, Any], str]] = [
    (
        "hardware",
        {"precision": "mixed_float16"},
        "hardware.precision=mixed_float16: with hardware=mine Keras looks at one",
    ),
    ("optimizer", {"gradient_accumulation_steps": 4}, "gradient_accumulation_steps=4: does not go with hardware=mine"),
    ("optimizer", {"ema_overwrite_frequency": 9}, "ema_overwrite_frequency=9: does not go with hardware=mine"),
    ("trainer", {"step": {"_target_": "tfmlflow.trainer.gradient_step", "watch": 3}}, "trainer.step.watch=3: measures"),
]


def values(target: str, group: str = "data", changed: dict[str, Any] | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "hardware": {"_target_": target, "name": "mine"},
        "optimizer": {},
        "trainer": {},
        "data": {},
    }
    made[group] |= changed or {}
    return made


@pytest.mark.parametrize("hardware", ["multi_gpu", "multi_worker", "tpu_cores"])
@pytest.mark.parametrize(("group", "changed", "said"), CANNOT, ids=[said.split(":")[0] for *_, said in CANNOT])
def test_hardware_of_several_devices(hardware: str, group: str, changed: dict[str, Any], said: str) -> None:
    target = f"tfmlflow.hardware.{hardware}"
    assert any(said in one for one in several.problems(values(target, group, changed)))
    assert not any(said in one for one in several.problems(values(target)))
    assert list(several.problems(values("tfmlflow.hardware.gpu", group, changed))) == []


@pytest.mark.parametrize(("group", "changed", "said"), CANNOT, ids=[said.split(":")[0] for *_, said in CANNOT])
def test_hardware_of_one_s_own_once_it_is_known_how_many_copies_it_has(
    group: str, changed: dict[str, Any], said: str
) -> None:
    own = values("my_parts.halves", group, changed)
    assert list(several.problems(own)) == []
    several.require_in_step(own, 1)
    with pytest.raises(UsageError, match=said):
        several.require_in_step(own, 2)


def test_a_step_of_one_s_own_may_have_a_key_of_that_name() -> None:
    own = values("tfmlflow.hardware.multi_gpu", "trainer", {"step": {"_target_": "my_parts.step", "watch": 3}})
    assert list(several.problems(own)) == []
