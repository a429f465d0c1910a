"""The description on a run's page, in Markdown: what came out, and how to have it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from tfmlflow.masking import masked_overrides
from tfmlflow.result import REASONS, Result
from tfmlflow.trainer.callbacks.progress import short


def result(said: Result) -> str:
    """A sentence and a table."""
    epochs = "1 epoch" if said.epochs == 1 else f"{said.epochs} epochs"
    ended = REASONS[said.reason].format(epochs=epochs)
    if said.best_epoch is None or said.objective is None:
        return f"No epoch with a number for `{said.metric}`; {ended}."
    lines = [f"**{said.metric} {short(said.objective)}** at epoch {said.best_epoch}; {ended}.", ""]
    lines += ["| best epoch | train | validation | test |", "|---|---:|---:|---:|"]
    for name in said.validation or said.train:
        cells = (short(part[name]) if name in part else "" for part in (said.train, said.validation, said.test))
        lines.append(f"| {_plain(name)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def repeat(overrides: Sequence[str], many: bool = False) -> str:
    """The command line, secrets masked."""
    words = [shlex.quote(masked_overrides([override])) for override in overrides]
    return f"```\n{' '.join(['python train.py', *words, *(['-m'] if many else [])])}\n```"


def lines(about: Mapping[str, str | None]) -> str:
    """What is known, one a line."""
    return "  \n".join(f"{name}: {_plain(said)}" for name, said in about.items() if said)


def link(words: str, path: str) -> str:
    """To a page of the MLflow UI, by its path from `#`."""
    return f"[{words}]({path})"


def run_path(experiment_id: str, run_id: str) -> str:
    """Of a run's page."""
    return f"#/experiments/{experiment_id}/runs/{run_id}"


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
