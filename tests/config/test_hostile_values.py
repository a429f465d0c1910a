"""Every key of every shipped option, with values that nobody means: refused by name, or usable."""

from __future__ import annotations

import math
from functools import cache, reduce
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from tfmlflow.config.check import check
from tfmlflow.config.location import conf, options
from tfmlflow.config.schema import SCHEMA
from tfmlflow.errors import UsageError

HUGE = 10**25
NUMBERS: list[Any] = [HUGE, -HUGE, 2**31, -1, 0, 0.5, 1e-320, 1e300, -1e300, math.nan, math.inf, -math.inf]
OTHERS: list[Any] = [
    *(True, False, None, "", " ", "text", "1e5", "None", "../x", "é\n", "x" * 10_000),
    *([], [0], [math.nan], [10**25], [[]], ["a", 1], {}, {"a": 1}, {"_target_": "os.system"}),
]
WHOLE_COMPOSED: list[Any] = [HUGE, math.nan, "x" * 10_000, [[]], {"a": 1}]


def keys() -> list[tuple[str, str]]:
    """Every key of the schema, with its group."""
    return [(group, key) for group, kinds in SCHEMA.items() for key in kinds]


@pytest.mark.parametrize(("group", "key"), keys(), ids=".".join)
def test_each_kind_of_value_takes_what_can_be_used_and_nothing_else(group: str, key: str) -> None:
    kind = SCHEMA[group][key]
    for value in (*NUMBERS, *OTHERS):
        fits = kind.fits(value)
        assert fits in (True, False)
        if isinstance(value, float) and fits:
            assert math.isfinite(value), value
            assert abs(value) < 1e38, "more than float32 holds"
    counted = kind.fits(1) and not kind.fits(0.37)
    assert not (counted and kind.fits(HUGE)), f"{group}.{key} is counted, and takes {HUGE}"


@cache
def composed(group: str, option: str) -> DictConfig:
    """The config with one option of a group."""
    with initialize_config_dir(str(conf()), version_base="1.3"):
        return compose("config", [f"{group}={option}"] if group else [])


@pytest.mark.parametrize("group", SCHEMA)
def test_no_value_of_any_key_breaks_the_check(group: str) -> None:
    tried: set[str] = set()
    for option in options(group) if group else [""]:
        config = composed(group, option)
        raw: Any = OmegaConf.to_container(config, resolve=False)
        changed = config.copy()  # once: it takes longer than the check
        OmegaConf.set_struct(changed, False)
        for key in set(SCHEMA[group]) - tried:
            full = f"{group}.{key}" if group else key
            if OmegaConf.is_missing(config, full) or OmegaConf.select(config, full, default=KeyError) is KeyError:
                continue
            tried.add(key)
            for value in WHOLE_COMPOSED:
                OmegaConf.update(changed, full, value, merge=False, force_add=True)
                try:
                    check(changed)
                except UsageError:
                    continue
                except Exception as error:
                    pytest.fail(f"{full}={value!r}: {type(error).__name__}: {error}")
            original = reduce(lambda part, name: part[name], full.split("."), raw)
            OmegaConf.update(changed, full, original, merge=False, force_add=True)
