"""The config of a run that is taken up by another: the parts that say what its model was trained on, and by what.

They come out of a store, so nothing in them is called that is not an option of ours or a loss or metric of Keras, and
nothing is looked up by a resolver, which could read the environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from tfmlflow.config.location import options
from tfmlflow.config.option_files import keys_by_target, whole
from tfmlflow.errors import UsageError

WHOLE = ("data", "augment", "objective", "seed")  # taken as they are, unless one of their keys is typed
OF_TRAINER = ("loss", "metrics", "label_smoothing", "class_weight")
OWN_KEYS = {  # which compress= has of its own, and what would be taken for them
    "trainer.epochs": "compress.epochs",
    "optimizer.learning_rate": "compress.learning_rate",
}
CALLABLE = ("keras.losses.", "keras.metrics.")
RESOLVER = re.compile(r"\$\{[^{}]*:")


def given(overrides: Sequence[str]) -> set[str]:
    """Groups whose option was typed, `data=mnist`, and `seed`; a recipe gives all of them."""
    groups = {key for key in _keys(overrides) if "." not in key}
    return groups | set(WHOLE) if groups & {"experiment", "debug"} else groups


def _keys(overrides: Sequence[str]) -> list[str]:
    return [override.lstrip("+~").partition("=")[0] for override in overrides]


def inherit(cfg: DictConfig, settings: Mapping[str, Any], overrides: Sequence[str], whose: str) -> DictConfig:
    """A config with the data, seed, objective, loss and metrics of another run, but for what was typed.

    An option that was typed counts as a whole, `data=mnist`; a key alone, `data.batch_size=32`, beside the other run's.

    Args:
        cfg: As it was composed.
        settings: The other run's config; empty if it has recorded none.
        overrides: What was typed.
        whose: The other run, for messages.

    Raises:
        UsageError: Nothing says what the data are, or they can be had only by running somebody's code.
    """
    typed = given(overrides)
    if "data" not in typed and not isinstance(settings.get("data"), Mapping):
        raise UsageError(
            f"compress.from={whose}: has not recorded what data it was trained on; name them: data=mnist data.path=…"
        )
    keys = _keys(overrides)
    for typed_key, meant in OWN_KEYS.items():
        if typed_key in keys:
            raise UsageError(f"{typed_key}: is not asked with compress=; methods that train a model on have {meant}")
    made = OmegaConf.create(OmegaConf.to_container(cfg, resolve=True))
    assert isinstance(made, DictConfig)
    wanted = [group for group in WHOLE if group not in typed and group in settings]
    trainer = settings.get("trainer")
    from_trainer = [
        key
        for key in OF_TRAINER
        if isinstance(trainer, Mapping) and key in trainer and f"trainer.{key}" not in keys and key in made.trainer
    ]
    theirs = _resolved(settings, [*wanted, *(["trainer"] if from_trainer else [])], whose)
    with open_dict(made):
        for group in wanted:
            _require_ours(group, theirs[group], whose)
            typed_keys = {key: OmegaConf.select(made, key) for key in keys if key.startswith(f"{group}.")}
            made[group] = _with_new_keys(group, theirs[group])
            for key, value in typed_keys.items():
                OmegaConf.update(made, key, value)
        for key in from_trainer:
            _require_ours(f"trainer.{key}", theirs["trainer"][key], whose)
            made.trainer[key] = theirs["trainer"][key]
    return made


def _resolved(settings: Mapping[str, Any], groups: Sequence[str], whose: str) -> dict[str, Any]:
    for group in groups:
        if found := next((text for text in _texts(settings[group]) if RESOLVER.search(text)), None):
            raise UsageError(f"compress.from={whose}: its {group} is looked up ({found}); say it yourself: {group}=…")
    try:
        whole: Any = OmegaConf.create({key: value for key, value in settings.items() if key not in ("hydra",)})
        return {
            group: OmegaConf.to_container(whole[group], resolve=True) if _is_tree(whole[group]) else whole[group]
            for group in groups
        }
    except OmegaConfBaseException as error:
        raise UsageError(f"compress.from={whose}: its config cannot be read: {str(error).splitlines()[0]}") from None


def _with_new_keys(group: str, said: Any) -> Any:
    """A group, with the keys that its option has by now and did not have when the run was trained."""
    name = said.get("name") if isinstance(said, Mapping) else None
    return {**whole(group, name), **said} if isinstance(name, str) and name in options(group) else said


def _is_tree(value: Any) -> bool:
    return OmegaConf.is_config(value)


def _require_ours(key: str, value: Any, whose: str) -> None:
    group = key.partition(".")[0]
    for target, name in _targets(value):
        ours = group != "trainer" and keys_by_target(group, name, target) is not None
        if not ours and not (group == "trainer" and target.startswith(CALLABLE)):
            example = f"{key}=custom {key}._target_={target}" if group != "trainer" else f"{key}=…"
            raise UsageError(
                f"compress.from={whose}: its {key} is made by {target}, which a run out of a store may not call; "
                f"say it yourself: {example}"
            )


def _targets(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield str(value["_target_"]), str(value.get("name"))
        for each in value.values():
            yield from _targets(each)
    elif isinstance(value, list):
        for each in value:
            yield from _targets(each)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _texts(each)
