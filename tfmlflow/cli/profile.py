"""`tfmlflow profile`: where the time of a training goes, and what would make it faster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from omegaconf import DictConfig


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--steps", type=click.IntRange(1), default=100, show_default=True, help="To measure.")
@click.option("--try", "tried", is_flag=True, help="Take the advice in a second profile, and compare.")
@click.argument("overrides", nargs=-1, type=click.UNPROCESSED)
def profile(steps: int, tried: bool, overrides: tuple[str, ...]) -> None:
    """Train for some steps, and tell where the time goes: tfmlflow profile experiment=mnist_cnn.

    Takes what `tfmlflow train` takes, and records a run of the experiment `profile` with the table, a picture and the
    verdict.
    """
    from tfmlflow.command.entry import command, complain
    from tfmlflow.errors import UsageError

    if several := [word for word in overrides if word in ("-m", "--multirun")]:
        sys.exit(complain(UsageError(f"{several[0]}: a profile is of one training")))
    if other := [word for word in overrides if word.startswith("debug=") and word != "debug=profile"]:
        sys.exit(complain(UsageError(f"{other[0]}: a profile has one of its own, debug=profile; leave it away")))
    words = [*(word for word in overrides if word != "debug=profile"), "debug=profile", f"profile.steps={steps}"]
    folders: list[Path] = []

    def job(cfg: DictConfig) -> float | None:
        from tfmlflow.command.job import current
        from tfmlflow.run import run

        folders.append(current().folder)
        return run(cfg)

    sys.argv[0] = "tfmlflow profile"
    code = command(job, words)
    if code == 0 and tried and folders:
        from tfmlflow.profile.trial import trial

        code = trial(words, folders[0], print)
    sys.exit(code)
