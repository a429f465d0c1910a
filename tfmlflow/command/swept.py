"""Keys of a group whose options a sweep varies: `compress=prune,int8 compress.from=6d065d96 compress.epochs=2 -m`.

Hydra lays what has one value on the group's default option, which need not have the key. A key that all options share
is added there; any other becomes a choice of one, which varies where an option has it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tfmlflow.config.together.compression import OURS

MANY = ("-m", "--multirun")
SWEPT = re.compile(r"compress=.*(,|\()")
SIMPLE = re.compile(r"compress\.(\w+)=((?:[^,(]|\[[^\]]*\])*)", re.DOTALL)


def conditional(arguments: Sequence[str]) -> list[str]:
    """The arguments, with such keys in a form that Hydra takes as it is meant."""
    if not any(flag in arguments for flag in MANY) or not any(SWEPT.match(argument) for argument in arguments):
        return list(arguments)
    result = []
    for argument in arguments:
        if found := SIMPLE.fullmatch(argument):
            key, value = found[1], found[2]
            argument = f"++compress.{key}={value}" if key in OURS else f"compress.{key}=choice({value})"
        result.append(argument)
    return result
