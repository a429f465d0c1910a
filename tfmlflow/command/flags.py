"""Flags of the command line: which there are, and what is meant by one that there is not."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from tfmlflow.config.meant import meant
from tfmlflow.errors import UsageError
from tfmlflow.version import __version__

WITH_VALUE = (  # of Hydra's
    *("--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp"),
    *("--cfg", "-c", "--package", "-p", "--experimental-rerun"),
)
ALONE = (
    *("--help", "-h", "--hydra-help", "--resolve", "--run", "-r", "--multirun", "-m"),
    *("--shell-completion", "-sc", "--info", "-i", "--version"),
)
SOME = "…"
BESIDE = ("tensorflow", "keras", "mlflow", "hydra-core")


def first(arguments: Sequence[str]) -> list[str]:
    """The arguments in the order that Hydra's parser wants; flags may stand anywhere among the overrides.

    Raises:
        UsageError: A flag that nobody knows, or one that lacks what it goes with.
    """
    flags: list[str] = []
    overrides: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if not argument.startswith("-") or argument == "-":
            overrides.append(argument)
            continue
        name = argument.partition("=")[0]
        if name not in (*WITH_VALUE, *ALONE):
            raise UsageError(_unknown(argument, waiting, arguments))
        flags.append(argument)
        if argument in WITH_VALUE and waiting:
            flags.append(waiting.pop(0))
    names = {flag.partition("=")[0] for flag in flags}
    if names & {"--package", "-p"} and not names & {"--cfg", "-c"}:
        raise UsageError("--package: a part of the config that --cfg shows; add --cfg job")
    return [*flags, *overrides]


def versions() -> str:
    """Of this tool, and of what it stands on, without loading any of it."""
    found = [f"tfmlflow {__version__}"]
    for name in BESIDE:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _unknown(argument: str, after: Sequence[str], arguments: Sequence[str]) -> str:
    flag, equals, value = argument.partition("=")
    if not equals and after and not after[0].startswith("-") and "=" not in after[0]:
        value = after[0]
    shown = f"{flag} {value}" if value and not equals else argument
    found = meant(flag.lstrip("-"), arguments)
    if found:
        return f"{shown}: options are written key=value here: {' or '.join(f'{key}={value or SOME}' for key in found)}"
    return f"{shown}: no such flag; options are written key=value, and --help lists keys and flags"
