"""`tfmlflow sync`: deliver what is left in the spool."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from tfmlflow.tracking.backlog import Item
    from tfmlflow.tracking.journal.spool import Spool

STUCK = 15.0  # seconds without progress from a store that is away


@click.command()
@click.option("--watch", is_flag=True, help="Go on until everything is delivered, trainings that still run included.")
@click.option("--uri", default=None, help="Address with the login of a store that needs one.")
@click.option("--timeout", default=STUCK, show_default=True, help="Seconds without progress after which to give up.")
def sync(watch: bool, uri: str | None, timeout: float) -> None:
    """Deliver what trainings on this machine have left for their MLflow store.

    Says what was delivered, what is left and why. Exit code 1 if something is left.
    """
    from rich.console import Console
    from rich.live import Live

    from tfmlflow.tracking import backlog
    from tfmlflow.tracking.journal.spool import Spool
    from tfmlflow.tracking.shipper import launch

    spool, console = Spool.here(), Console(markup=False, highlight=False)
    mine = {item.folder.key for item in backlog.items(spool) if not item.delivered}
    if not mine:
        console.print(f"nothing is left to deliver in {spool.root}", soft_wrap=True)
        return
    missing = _start(spool, mine, uri)
    progress, moved = (0, 0), time.monotonic()
    with Live(console=console, transient=True, auto_refresh=False) as live:
        while True:
            found = [item for item in backlog.items(spool) if item.folder.key in mine]
            live.update(_table(found, missing), refresh=console.is_terminal)
            if all(item.delivered if watch else item.up_to_date for item in found):
                break
            now = (sum(item.left for item in found), sum(item.waiting for item in found))
            if now != progress:
                progress, moved = now, time.monotonic()
            if time.monotonic() - moved > timeout and not (watch and any(item.running for item in found)):
                break
            for item in found:
                if not item.delivered and (known := backlog.complete(item.uri, uri)):
                    launch.ensure(spool, known)
            time.sleep(0.2)
    console.print(_table(found, missing))
    left = [item for item in found if not item.up_to_date]
    for item in left:
        console.print(
            f"left: {item.name or item.folder.key} in {item.folder.path}: {_why(item, missing)}", soft_wrap=True
        )
    console.print(f"{len(found) - len(left)} of {len(found)} runs delivered", soft_wrap=True)
    sys.exit(1 if left else 0)


def _start(spool: Spool, mine: set[str], uri: str | None) -> set[str]:
    """Have a shipper at work for every store; returns the stores whose login is not known."""
    from tfmlflow.tracking import backlog
    from tfmlflow.tracking.shipper import launch

    missing: set[str] = set()
    for shown in {item.uri for item in backlog.items(spool) if item.folder.key in mine}:
        known = backlog.complete(shown, uri)
        if known is None:
            missing.add(shown)
        else:
            launch.ensure(spool, known)
    return missing


def _why(item: Item, missing: set[str]) -> str:
    if item.uri in missing:
        return f"the login of {item.uri} is not known here; set MLFLOW_TRACKING_URI, or use --uri"
    return item.away or "its store has not taken it yet"


def _table(found: list[Item], missing: set[str]) -> Table:
    from rich.table import Table

    table = Table()
    for column in ("run", "id", "store"):
        table.add_column(column, overflow="fold")
    for column in ("records left", "files left"):
        table.add_column(column, justify="right")
    table.add_column("state", overflow="fold")
    for item in found:
        left = f"{item.left / 1024:,.0f} KiB" if item.left else "-"
        state = "needs a login" if item.uri in missing else item.state
        table.add_row(item.name, item.run_id or "not created", item.uri, left, str(item.waiting or "-"), state)
    return table
