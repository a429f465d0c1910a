"""What a learning-rate range test (`trainer=lr_range`) needs of the rest of the config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

TARGET = "tfmlflow.trainer.lr_range"
CONSTANT = "tfmlflow.optim.schedules.constant"
CLUSTERS = ("tfmlflow.hardware.multi_worker", "tfmlflow.hardware.parameter_server")


def is_range_test(values: Mapping[str, Any]) -> bool:
    """Whether a config is of one."""
    return bool(values["trainer"].get("_target_") == TARGET)


def problems(values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong, a line each."""
    if not is_range_test(values):
        return
    trainer, schedule, hardware = values["trainer"], values["schedule"], values["hardware"]
    start, end = trainer.get("start"), trainer.get("end")
    if isinstance(start, int | float) and isinstance(end, int | float) and start >= end:
        yield f"trainer.start={start}: must be less than trainer.end, which is {end}"
    if schedule.get("_target_") != CONSTANT:
        yield (
            f"schedule={schedule.get('name')}: trainer=lr_range sets the learning rate of every step itself; add "
            "schedule=constant"
        )
    if hardware.get("_target_") in CLUSTERS:
        yield (
            f"hardware={hardware.get('name')}: trainer=lr_range looks at every step in one process; leave "
            "hardware away, the learning rate is that of the whole batch"
        )
    if "profile" in values:
        yield "trainer=lr_range: has no training to profile; take trainer=loop, or leave debug=profile away"
    if (name := values["tracking"].get("register_as")) is not None:
        yield f"tracking.register_as={name}: trainer=lr_range leaves no model; set it to null"
