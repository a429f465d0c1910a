"""`tfmlflow best`: the best run, and its model."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tfmlflow.cli.selection import Selection, selecting
from tfmlflow.vocabulary import Tag

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from tfmlflow.analysis.comparison import Comparison
    from tfmlflow.analysis.runs.stored_run import StoredRun


@click.command()
@selecting
@click.option("--register", "name", help="Make its model a version of this registered model.")
def best(selection: Selection, name: str | None) -> None:
    """Print the best run that completed, and the address of its model.

    With --register its model becomes a version of a registered model, which takes the alias `champion` if it beats the
    present champion on the same data.

    \b
    tfmlflow best --experiment mnist
    tfmlflow best --sweep latest --register digits
    """
    from tfmlflow.errors import UsageError

    try:
        client = selection.client()
        comparison = selection.comparison(client)
        run = comparison.best_run()
        if run is None:
            raise UsageError(f"none of {len(comparison.runs)} runs has completed with a {comparison.objective.metric}")
        _print(comparison, run, selection.address())
        model_id = _model(client, run)
        print(f"model {f'models:/{model_id}' if model_id else 'none was stored'}")
        if name is not None:
            print(_register(client, comparison, run, model_id, name))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _print(comparison: Comparison, run: StoredRun, uri: str) -> None:
    from tfmlflow.analysis.wording import number, plain
    from tfmlflow.tracking.store import store

    objective, reached = comparison.objective, comparison.reached[run.run_id]
    epoch = f" at epoch {reached.epoch}" if reached.epoch is not None else ""
    print(f"run   {plain(run.name)}  {run.run_id}")
    print(f"      {objective.metric} {number(reached.value)}{epoch}{', the last value' if reached.last else ''}")
    mine = next(group for group in comparison.groups if run in group.runs)
    if mine.settings:
        print(f"      {plain(mine.label)}")
    unit = "folds" if mine.folds else "seeds"
    if mine.spread is not None:
        print(f"      over {len(mine.values)} {unit} {number(mine.mean)} ± {number(mine.spread)}")
    first = comparison.groups[0]
    if first is not mine and len(comparison.groups) < len(comparison.runs):
        print(f"      by its mean over {unit} another is better: {plain(first.label)}, {number(first.mean)}")
    print(f"open  {store.address(uri, run.experiment_id, run.run_id)}")


def _model(client: MlflowClient, run: StoredRun) -> str | None:
    """The logged model named `best`, else the last one."""
    names = {model_id: str(client.get_logged_model(model_id).name) for model_id in run.models}
    return next((model_id for model_id, name in names.items() if name == "best"), next(reversed(names), None))


def _register(client: MlflowClient, comparison: Comparison, run: StoredRun, model_id: str | None, name: str) -> str:
    """Register the model; returns what came of it."""
    from mlflow.exceptions import MlflowException

    from tfmlflow.errors import UsageError
    from tfmlflow.tracking.journal.records import Registration
    from tfmlflow.tracking.store import registry

    value = comparison.reached[run.run_id].value
    if model_id is None or value is None:
        raise UsageError(f"--register {name}: run {run.run_id} has stored no model; tracking.log_model=true stores it")
    wanted = Registration(name, comparison.objective.metric, comparison.objective.mode, value, run.digest or None)
    try:
        version = registry.register(client, run.run_id, model_id, wanted)
        stored = client.get_model_version(name, version)
    except MlflowException as error:
        raise UsageError(f"--register {name}: {str(error).splitlines()[0]}") from None
    alias = f", models:/{name}@{registry.CHAMPION}" if registry.CHAMPION in stored.aliases else ""
    why = stored.tags.get(Tag.CHAMPION_REASON, "")
    return f"registered models:/{name}/{version}{alias}" + (f"\n      {why}" if why else "")
