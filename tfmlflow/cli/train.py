"""`tfmlflow train`: the same as `python train.py`, from any folder."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from omegaconf import DictConfig


def job(cfg: DictConfig) -> float | None:
    """Train one composed experiment and return its objective."""
    from tfmlflow.run import run

    return run(cfg)


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("overrides", nargs=-1, type=click.UNPROCESSED)
def train(overrides: tuple[str, ...]) -> None:
    """Compose an experiment, train it, record it: tfmlflow train optimizer=adam (--help lists everything)."""
    from tfmlflow.stoppable import loading

    with loading():
        from tfmlflow.command.entry import command

    sys.argv[0] = "tfmlflow train"
    sys.exit(command(job, overrides))
