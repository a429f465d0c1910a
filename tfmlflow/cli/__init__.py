"""`tfmlflow ...`: one command a file."""

from __future__ import annotations

import os

import click

from tfmlflow.cli.best import best
from tfmlflow.cli.compare import compare
from tfmlflow.cli.diagnose import diagnose
from tfmlflow.cli.doctor import doctor
from tfmlflow.cli.evaluate import evaluate
from tfmlflow.cli.export_model import export_model
from tfmlflow.cli.launch import launch
from tfmlflow.cli.profile import profile
from tfmlflow.cli.runs import runs
from tfmlflow.cli.serve import serve
from tfmlflow.cli.sync import sync
from tfmlflow.cli.train import train
from tfmlflow.version import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tfmlflow")
def main() -> None:
    """Train Keras models and leave complete MLflow runs."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # a bar a file, in what is printed or piped


for command in (train, profile, launch, evaluate, export_model, serve, sync, runs, doctor, compare, best, diagnose):
    main.add_command(command)
