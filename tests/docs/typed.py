"""Commands of the documentation, looked at as far as the real programs look before they begin.

    python -m tests.docs.typed ORDERS

ORDERS is a JSON list: words of each command, the folder it is typed in, what it says. Beside it comes a list of what is
wrong with each, null if nothing is. A training is composed and checked by its real command line, a sweep down to each
of its jobs; neither is run.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import runpy
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

import click

from tests.conftest import ROOT

CLUSTER = {"chief": ["127.0.0.1:1"], "worker": ["127.0.0.1:2"], "ps": ["127.0.0.1:3"]}
SHELL = ("cd", "export", ".")
Words = Sequence[str]


class Parsed(Exception):
    """A script has taken its arguments."""


def wrong(words: Words) -> str | None:
    """What is wrong with a command."""
    while words and re.match(r"^[A-Z_]+=", words[0]):
        words = words[1:]
    program, *rest = words
    name = Path(program).name or program
    looks: dict[str, Callable[[Words], str | None]] = {
        "python": _python,
        "tfmlflow": _tfmlflow,
        "mlflow": _mlflow,
        "make": _make,
        "pip": _pip,
        "srun": wrong,
        "curl": _curl,
        "git": lambda _: None,
        "pre-commit": lambda _: None,
        **dict.fromkeys(SHELL, lambda _: None),
    }
    if name not in looks:
        return f"no program that is known here: {program}"
    return looks[name](rest)


@cache
def composed(arguments: tuple[str, ...], said: str = "") -> str | None:
    """Of `train.py`: whether its command line makes a config, or is answered as `said`."""
    from tfmlflow.command.compose import compose
    from tfmlflow.command.entry import command
    from tfmlflow.errors import UsageError
    from tfmlflow.sweep.jobs.launcher import ProcessLauncher
    from tfmlflow.sweep.sweeper import Sweeper

    several = any(word.startswith(("hardware=multi_worker", "hardware=parameter_server")) for word in arguments)
    cluster = json.dumps({"cluster": CLUSTER, "task": {"type": "chief", "index": 0}})
    errors = io.StringIO()
    with (
        mock.patch.dict(os.environ, {"TF_CONFIG": cluster} if several else {}),
        mock.patch.object(Sweeper, "_run", return_value=None),
        mock.patch.object(ProcessLauncher, "prepare", return_value=None),
        mock.patch.object(sys, "argv", ["train.py"]),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(errors),
    ):
        if not said and not any(word.startswith("-") for word in arguments):  # the same checks in a third of the time
            try:
                compose(arguments)
            except UsageError as error:
                return str(error)
            return None
        code = command(lambda cfg: None, arguments)
    told = errors.getvalue()
    if said.startswith("error: "):
        return None if code == 2 and said.strip() == told.strip() else f"is answered: {told}"
    return None if code == 0 else told or f"exit code {code}"


def _python(words: Words) -> str | None:
    if words[:1] == ["-m"]:
        return wrong(words[1:]) if words[1] in ("tfmlflow", "mlflow") else None if words[1] == "pytest" else "no module"
    file = Path(words[0]).resolve()
    if Path(words[0]).name == "train.py":
        return composed(tuple(words[1:]))
    script = file if file.is_file() else ROOT / words[0]
    if not script.is_file():
        return f"no such file: {words[0]}"
    return _script(script, words[1:])


def _script(script: Path, arguments: Words) -> str | None:
    """Of another script: whether its own parser takes the arguments; one without a parser is not run."""
    if "argparse" not in script.read_text(encoding="utf-8"):
        return None
    before = argparse.ArgumentParser.parse_args

    def parse_args(self: argparse.ArgumentParser, *given: Any) -> NoReturn:
        before(self, *given)
        raise Parsed

    errors = io.StringIO()
    with (
        mock.patch.object(argparse.ArgumentParser, "parse_args", parse_args),
        mock.patch.object(sys, "argv", [str(script), *arguments]),
        mock.patch.object(sys, "path", [str(script.parent), *sys.path]),
        contextlib.redirect_stderr(errors),
    ):
        try:
            runpy.run_path(str(script), run_name="__main__")
        except Parsed:
            return None
        except SystemExit:
            return errors.getvalue()
    return "its parser was not asked"


def _tfmlflow(words: Words) -> str | None:
    from tfmlflow.cli import main

    context, name = _parsed(main, words, "tfmlflow")
    if context is None or name == "":
        return name or None
    given = context.params
    if name == "launch":
        inner = [word for word in given["command"] if word != "--"]
        return composed(tuple(inner[1:])) if Path(inner[0]).name == "train.py" else None
    overrides = list(given.get("overrides") or ())
    if name == "train":
        return composed(tuple(overrides))
    if name == "profile":
        return composed((*overrides, "debug=profile", f"profile.steps={given['steps']}"))
    if name == "evaluate":
        return composed(tuple(overrides))
    return None


def _mlflow(words: Words) -> str | None:
    from mlflow.cli import cli

    context, name = _parsed(cli, words, "mlflow")
    if context is None:
        return name
    if name == "run":
        for given in context.params.get("param_list") or ():
            key, _, value = given.partition("=")
            if key == "overrides" and (problem := composed(tuple(shlex.split(value)))):
                return problem
    return None


def _parsed(group: click.Command, words: Words, name: str) -> tuple[click.Context | None, str]:
    """The context of the innermost command, and its name; None and what is wrong."""
    command, rest, parent = group, list(words), None
    while True:
        try:
            context = command.make_context(name, rest, parent=parent)
        except click.exceptions.Exit:
            return None, ""
        except click.ClickException as error:
            return None, error.format_message()
        if not isinstance(command, click.Group):
            return context, name
        left = [*context._protected_args, *context.args]
        try:
            _, found, rest = command.resolve_command(context, left)
        except click.ClickException as error:
            return None, error.format_message()
        assert found is not None
        command, name, parent = found, str(found.name or ""), context


def _make(words: Words) -> str | None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    unknown = [word for word in words if "=" not in word and word not in targets]
    return f"make has no {', '.join(unknown)}" if unknown else None


def _pip(words: Words) -> str | None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = [name for word in words for found in re.findall(r"\[([\w,-]+)\]", word) for name in found.split(",")]
    unknown = [name for name in named if name not in extras]
    return f"pyproject.toml has no extra {', '.join(unknown)}" if unknown else None


def _curl(words: Words) -> str | None:
    body = words[words.index("-d") + 1] if "-d" in words else "{}"
    json.loads(body)
    return None


def main(orders: Path) -> None:
    """Look at all of them."""
    found: list[str | None] = []
    for order in json.loads(orders.read_text()):
        os.chdir(order["folder"])
        try:
            words, said = order["words"], order["said"]
            trains = words[:2] == ["python", "train.py"]
            with mock.patch.object(sys, "path", [*sys.path, order["folder"]]):
                found.append(composed(tuple(words[2:]), said) if trains else wrong(words))
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
    orders.with_suffix(".found").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
