"""`tfmlflow runs`: the runs that nobody has ended."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tfmlflow.tracking.operations.open_runs import OpenRun
    from tfmlflow.tracking.operations.pending import Item


@click.command()
@click.option("--uri", default=None, help="The store; else $MLFLOW_TRACKING_URI, else mlflow.db in this folder.")
@click.option("--reap", is_flag=True, help="End the runs whose trainer is dead, as FAILED with the reason `killed`.")
@click.option(
    *("--wait",),
    type=click.FloatRange(0, 3600),
    default=45.0,
    show_default=True,
    help="With --reap: seconds that trainers elsewhere have for a sign of life.",
)
def runs(uri: str | None, reap: bool, wait: float) -> None:
    """Show open runs of a store, and runs in this machine's spool, with their last heartbeat.

    A run is orphaned if its trainer is dead, or has given no sign of life for two minutes, by the clocks of both
    machines; before one of another machine is ended, its trainer has time for one. A run of another tool has no
    heartbeat, and is never ended.
    """
    from rich.console import Console
    from rich.table import Table

    from tfmlflow.errors import UsageError
    from tfmlflow.tracking.journal.spool import Spool
    from tfmlflow.tracking.operations import pending
    from tfmlflow.tracking.store import store

    console, address = Console(markup=False, highlight=False), store.absolute(uri)
    table, advice = Table(), list[str]()
    for column in ("run", "experiment", "id", "started", "heartbeat", "state"):
        table.add_column(column, overflow="fold")
    try:
        found = [item for item in pending.items(*Spool.all()) if not item.delivered]
        # A trainer of another machine, which shares the spool, is looked for by its heartbeat.
        trainers = {item.run_id: item.running for item in found if item.run_id and item.running is not None}
        open_runs = _open_runs(address, trainers)
    except UsageError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    for run in open_runs:
        ours = run.trainer or run.heartbeat or any(item.run_id == run.run_id for item in found)
        state = "orphaned" if run.orphaned else "training" if ours else "no heartbeat: not ours"
        held = next((item for item in found if item.run_id == run.run_id and item.trouble is not None), None)
        state = f"{state}; {held.state}" if held is not None else state
        table.add_row(run.name, run.experiment, run.run_id, _ago(run.started), _ago(run.heartbeat), state)
    known = {run.run_id for run in open_runs}
    for item in found:
        if item.run_id not in known:
            state = f"in the spool: {item.state}"
            table.add_row(item.name, item.experiment, item.run_id or "not created", "", "", state)
    for item in found:
        if item.advice:
            advice.append(f"{item.name or item.folder.key}: {item.state}; {item.advice}")
    orphans = [run for run in open_runs if run.orphaned]
    if table.row_count:
        console.print(table)
    for line in advice:
        console.print(line, soft_wrap=True)
    console.print(f"{len(open_runs)} open in {store.shown(address)}, {len(orphans)} orphaned", soft_wrap=True)
    if reap:
        if any(run.trainer is None for run in orphans):
            console.print(f"trainers elsewhere, whose clocks may be wrong, have {wait:.0f} s for a sign of life")
        ended = _reap(address, [item for item in found if not item.running], orphans, wait)
        for run in ended:
            console.print(f"ended {run.name} {run.run_id}: FAILED, killed", soft_wrap=True)
        for run in (run for run in orphans if run not in ended):
            console.print(f"kept  {run.name} {run.run_id}: it lives, or has ended", soft_wrap=True)
    elif orphans:
        console.print("`tfmlflow runs --reap` ends the orphaned ones", soft_wrap=True)


def _open_runs(uri: str, trainers: Mapping[str, bool]) -> list[OpenRun]:
    from mlflow import MlflowClient

    from tfmlflow.tracking.operations import open_runs
    from tfmlflow.tracking.run import opening
    from tfmlflow.tracking.store import store

    if store.is_missing(uri):
        return []
    store.require(uri)
    with opening.hurried(), store.initialization_lock(uri):
        return list(open_runs.find(MlflowClient(uri), trainers))


def _reap(uri: str, left: Iterable[Item], orphans: Sequence[OpenRun], wait: float) -> list[OpenRun]:
    from mlflow import MlflowClient

    from tfmlflow.tracking.operations import open_runs, pending
    from tfmlflow.tracking.shipper import launch

    for item in left:  # what these have said last is delivered before, or after: both are true
        if known := pending.complete(item.uri):
            launch.ensure(item.spool, known)
    client = MlflowClient(uri)
    ended = open_runs.silent(client, orphans, wait)
    for run in ended:
        open_runs.reap(client, run)
    return ended


def _ago(moment: float | None) -> str:
    if moment is None:
        return "-"
    seconds = max(0, int(time.time() - moment))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
