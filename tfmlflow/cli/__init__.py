"""`tfmlflow ...`: one command a file."""

from __future__ import annotations

import click

from tfmlflow import __version__
from tfmlflow.cli.evaluate import evaluate
from tfmlflow.cli.train import train


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tfmlflow")
def main() -> None:
    """Train Keras models and leave complete MLflow runs."""


main.add_command(train)
main.add_command(evaluate)
