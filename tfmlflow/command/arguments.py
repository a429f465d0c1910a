"""The command line before Hydra sees it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from tfmlflow.config.location import groups, options
from tfmlflow.errors import UsageError

OPTIONAL = ("experiment", "debug")  # groups of which none need be chosen


def spread(arguments: Sequence[str]) -> list[str]:
    """`--overrides "a=1 b=2"` as the separate arguments it stands for."""
    result: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        flag, equals, value = argument.partition("=")
        if flag != "--overrides":
            result.append(argument)
            continue
        if not equals:
            value = next(waiting, "\0")
        if value == "\0":
            raise UsageError('--overrides: needs a value, any number of overrides in quotes: --overrides "a=1 b=2"')
        try:
            result += shlex.split(value)
        except ValueError as error:
            raise UsageError(f"--overrides {value}: {error}") from None
    return result


def quoted(arguments: Sequence[str]) -> list[str]:
    """The arguments; in quotes what Hydra's grammar would take apart, or for a number.

    That is a plain text with letters that it lacks (`data.path=häuser.csv`), and the id of a run
    (`compress.from=12e45678`).
    """
    result: list[str] = []
    for argument in arguments:
        text = re.fullmatch(r"([+]{0,2}[\w.@/]+)=([^\[\]{}()'\",=\\]*)", argument, re.ASCII)
        ids = re.fullmatch(r"(compress\.from)=([0-9a-f]+(?:,[0-9a-f]+)*)", argument)
        if text is not None and not text[2].isascii():
            argument = f"{text[1]}='{text[2]}'"
        elif ids is not None:
            argument = f"{ids[1]}=" + ",".join(f"'{one}'" for one in ids[2].split(","))
        result.append(argument)
    return result


def require_options(arguments: Sequence[str]) -> None:
    """Refuse what stands for an option of a group and cannot be one, which Hydra would answer with a traceback.

    Raises:
        UsageError: Names the options that there are.
    """
    for argument in arguments:
        match = re.fullmatch(r"([+~]*)([a-z]+)(?:=(.*))?", argument, re.DOTALL)
        if match is None or match[2] not in groups():
            continue
        sign, group, value = match[1], match[2], match[3]
        can_be = f"{group} can be {', '.join(options(group))}"
        if sign.startswith("+"):
            raise UsageError(f"{argument}: {group} is there already; write {group}={value or '…'}")
        if sign.startswith("~") and group not in OPTIONAL:
            raise UsageError(f"{argument}: {group} cannot be left out; {can_be}")
        if value is not None and (value in ("", "null") or not value[0].isalpha()) and group not in OPTIONAL:
            several = "; for one run each separate them by commas and add -m" if value.startswith("[") else ""
            raise UsageError(f"{group}={value}: no such option; {can_be}{several}")
