"""What examples that are mixed in pairs (`augment.mixup`, `augment.cutmix`) need of the rest of the config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

TARGET = "tfmlflow.data.augment.geometric"
STEP = "tfmlflow.trainer.gradient_step"
TOKENS = ("imdb", "text")  # words, which have no mean
NO_IMAGES = (*TOKENS, "csv", "diabetes")
HINGES = ("hinge", "squared_hinge", "categorical_hinge")


def problems(values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong, a line each."""
    augment, trainer = values["augment"], values["trainer"]
    on = {key: augment.get(key) for key in ("mixup", "cutmix") if augment.get(key)}
    if augment.get("_target_") != TARGET or not on:
        return
    first = " ".join(f"augment.{key}={alpha}" for key, alpha in on.items())
    step = trainer.get("step")
    target = step.get("_target_", STEP) if isinstance(step, Mapping) else STEP
    if target != STEP:
        yield (
            f"trainer.step._target_={target}: with {first} labels of classes are shares of them, which a step of your "
            "own need not know; mix in the step, or take trainer.step._target_=" + STEP
        )
    if (loss := trainer.get("loss")) in HINGES and not _regression(values):
        yield f"trainer.loss={loss}: takes no labels between two classes, as {first} makes them; use auto"
    data = str(values["data"].get("_target_")).removeprefix("tfmlflow.datasets.").removesuffix(".load")
    if data in TOKENS or (data == "csv" and values["data"].get("text") is not None):
        yield f"{first}: data={data} are words, which have no mean; take augment=none"
    elif data in NO_IMAGES and "cutmix" in on:
        yield f"augment.cutmix={on['cutmix']}: data={data} has no images; set it to 0, augment.mixup takes numbers, too"


def _regression(values: Mapping[str, Any]) -> bool:
    data = values["data"]
    return bool(data.get("task") == "regression" or data.get("name") == "diabetes")
