"""The description on a run's page, in Markdown: how to have it again, and links. Loads no TensorFlow."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from tfmlflow.masking import masked_overrides


def repeat(overrides: Sequence[str], many: bool = False) -> str:
    """The command line, secrets masked."""
    words = [shlex.quote(masked_overrides([override])) for override in overrides]
    return f"```\n{' '.join(['python train.py', *words, *(['-m'] if many else [])])}\n```"


def lines(about: Mapping[str, str | None]) -> str:
    """What is known, one a line."""
    return "  \n".join(f"{name}: {plain(said)}" for name, said in about.items() if said)


def link(words: str, path: str) -> str:
    """To a page of the MLflow UI, by its path from `#`."""
    return f"[{words}]({path})"


def run_path(experiment_id: str, run_id: str) -> str:
    """Of a run's page."""
    return f"#/experiments/{experiment_id}/runs/{run_id}"


def plain(text: str) -> str:
    """For a table's cell."""
    return text.replace("|", "\\|").replace("\n", " ")
