"""What an evaluation takes from the run that has trained the model: how the data were split, loss and metrics.

Split otherwise, the examples to test on would be such as the model was trained on. What is taken comes out of a store:
plain values alone, nothing that is called or looked up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

SPLIT = ("seed", "test_share", "validation_share", "folds", "fold", "group")
OF_TRAINER = ("loss", "metrics", "label_smoothing")


def as_trained(
    cfg: DictConfig, settings: Mapping[str, Any], overrides: Sequence[str]
) -> tuple[DictConfig, list[str], list[str]]:
    """A config with these values of a run, but for what was typed.

    Args:
        cfg: As it was composed.
        settings: Of the run; empty if it has recorded none.
        overrides: What was typed.

    Returns:
        The config, what of the split has changed in it, `seed=1`, and what was typed and is not the run's,
        `seed=1 (there 0)`.
    """
    typed = {override.lstrip("+~").partition("=")[0] for override in overrides}
    made = OmegaConf.create(OmegaConf.to_container(cfg, resolve=False))
    assert isinstance(made, DictConfig)
    changed, others = list[str](), list[str]()
    resolved = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(resolved, dict)
    with open_dict(made):
        if _is_plain(seed := settings.get("seed", made.seed)) and seed != made.seed:
            if "seed" in typed:
                others.append(f"seed={made.seed} (there {seed})")
            else:
                made.seed = seed
                changed.append(f"seed={seed}")
        for group, keys in (("data", SPLIT), ("trainer", OF_TRAINER)):
            theirs = settings.get(group)
            if not isinstance(theirs, Mapping) or (group == "data" and theirs.get("name") != made.data.name):
                continue
            for key in keys:
                name, value = f"{group}.{key}", theirs.get(key)
                if key not in theirs or key not in made[group] or not _is_plain(value):
                    continue
                if name in typed:
                    if group == "data" and resolved[group][key] != value:
                        others.append(f"{name}={resolved[group][key]} (there {value})")
                elif value != made[group][key]:
                    made[group][key] = value
                    changed += [f"{name}={value}"] if group == "data" else []
    return made, changed, others


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return "${" not in value
    if isinstance(value, list):
        return all(isinstance(one, str) and _is_plain(one) for one in value)
    return value is None or isinstance(value, bool | int | float)
