"""`tfmlflow diagnose`: what is wrong with a run, and what to try next."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tfmlflow.cli.selection import Selection

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from rich.console import Console

    from tfmlflow.analysis.runs.stored_run import StoredRun
    from tfmlflow.diagnosis.rules import Diagnosis


@click.command()
@click.argument("run_id")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, with all evidence.")
@click.option("--try", "tried", is_flag=True, help="Train again with the first advice, as a child of the run.")
@click.option("--uri", default=None, help="The store; else $MLFLOW_TRACKING_URI, else mlflow.db in this folder.")
def diagnose(run_id: str, as_json: bool, tried: bool, uri: str | None) -> None:
    """Say what is wrong with a run, of any MLflow store, and what to try next.

    RUN_ID, or how it begins. A run of ours holds what was collected while it trained (diagnosis.json); of others,
    and of those that were killed, the metrics tell less, and rules that lack evidence are silent.

    \b
    tfmlflow diagnose 6d065d96
    tfmlflow diagnose 6d065d96 --try
    """
    from rich.console import Console

    from tfmlflow.errors import UsageError

    console = Console(markup=False, highlight=False, emoji=False)
    selection = Selection((run_id,), None, None, "", None, "auto", uri)
    try:
        client = selection.client()
        (run,) = selection.runs(client)
        said = _said(console, client, run, as_json)
        if tried:
            sys.exit(_try(console, client, run, said, selection.address()))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _said(console: Console, client: MlflowClient, run: StoredRun, as_json: bool) -> Diagnosis:
    import json

    from tfmlflow.analysis import diagnosed
    from tfmlflow.analysis.terminal import diagnosis_terminal
    from tfmlflow.diagnosis.rules import diagnose as judge

    known = diagnosed.read(client, run)
    said = judge(known.evidence)
    if as_json:
        about = {"run_id": run.run_id, "name": run.name, "probed": known.probed}
        print(json.dumps({**about, **said.as_dict(), "evidence": known.evidence.as_dict()}, indent=1))
    else:
        diagnosis_terminal.show(console, run, said, known.probed)
    return said


def _try(console: Console, client: MlflowClient, run: StoredRun, said: Diagnosis, uri: str) -> int:
    from tfmlflow.cli import advised

    return advised.take(console, client, run, said, uri)
