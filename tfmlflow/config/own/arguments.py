"""Functions of somebody's own: their arguments are checked against their own signatures, not against our options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tfmlflow.config.nearest import did_you_mean
from tfmlflow.config.option_files import keys_by_target
from tfmlflow.config.own import signature

GIVEN = {"model": ("data",), "optimizer": ("learning_rate",), "schedule": ("run",)}  # by us, whatever it is
COMMON = {
    "data": ("batch_size", "limit", "cache", "folds", "fold"),
    "optimizer": ("learning_rate",),
}  # ours, whoever made the rest
IF_NOT_TAKEN = ("cache", "folds", "fold")  # of the data, unless a function of one's own has an argument of that name
SPLITS = ("folds", "fold")  # that shipped functions take
GROUPS = ("data", "augment", "model", "optimizer", "schedule", "hardware")


def is_own(group: str, section: Mapping[str, Any]) -> bool:
    """Whether a group's `_target_` is of nobody's making but the user's."""
    target = section.get("_target_")
    return (
        group in GROUPS
        and isinstance(target, str)
        and keys_by_target(group, str(section.get("name")), target) is None
        and not (group == "schedule" and target.startswith("tfmlflow."))
    )


def kept_data(section: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys of the data that are not handed on to its function."""
    if not is_own("data", section):
        return tuple(key for key in COMMON["data"] if key not in SPLITS)
    takes = signature.of(str(section["_target_"]))
    return tuple(key for key in COMMON["data"] if key not in IF_NOT_TAKEN or takes is None or key not in takes.names)


def fold_of(section: Mapping[str, Any]) -> tuple[int | None, int]:
    """How many folds the data are to have, None where they have none, and which of them validates."""
    return section.get("folds"), int(section.get("fold") or 0)


def problems(group: str, section: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the arguments of a group's own function.

    Args:
        group: Its name.
        section: The group's config.
    """
    target = str(section["_target_"])
    takes = signature.of(target)
    if takes is None:
        return
    kept = kept_data(section) if group == "data" else ()
    mine = [key for key in section if key not in ("name", "_target_", *kept) and not key.startswith("_")]
    given = GIVEN.get(group, ())
    listed = f"it takes {', '.join(takes.names)}" if takes.names else "it takes none"
    for key in mine:
        if key not in takes.names and not takes.open and key not in given:
            free = [name for name in takes.names if name not in mine and name not in given]
            yield f"{group}.{key}: {target} has no argument {key!r}{did_you_mean(key, free)}; {listed}"
    if lacking := [name for name in takes.required if name not in mine and name not in given]:
        needed = " ".join(f"+{group}.{name}=…" for name in lacking)
        yield f"{group}._target_={target}: needs the argument {', '.join(lacking)}: {needed}"
    for name in given:
        if name not in takes.names and not takes.open:
            yield f"{group}._target_={target}: is called with {name}=…, which it does not take; {listed}"


def step_problems(step: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the arguments of `trainer.step`, whose first two are the model and a batch."""
    target = str(step["_target_"])
    takes = signature.of(target)
    if takes is None:
        return
    watch = step.get("watch")
    if target == "tfmlflow.trainer.gradient_step" and not (watch is None or (isinstance(watch, int) and watch >= 1)):
        yield f"trainer.step.watch={watch}: must be a whole number of at least 1, or null"
    mine, free = [key for key in step if not key.startswith("_")], takes.names[2:]
    if len(takes.names) < 2 and not takes.open:
        yield f"trainer.step._target_={target}: is called with a model and a batch; it takes {len(takes.names)}"
    for key in mine:
        if key not in free and not takes.open:
            listed = f"it takes {', '.join(free)}" if free else "it takes the model and a batch alone"
            yield f"trainer.step.{key}: {target} has no argument {key!r}{did_you_mean(key, free)}; {listed}"
    if lacking := [name for name in takes.required[2:] if name not in mine]:
        needed = " ".join(f"+trainer.step.{name}=…" for name in lacking)
        yield f"trainer.step._target_={target}: needs the argument {', '.join(lacking)}: {needed}"
