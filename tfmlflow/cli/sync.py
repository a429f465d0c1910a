"""`tfmlflow sync`: deliver what is left in the spool."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from itertools import filterfalse
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

    from tfmlflow.tracking.journal.spool import Spool
    from tfmlflow.tracking.operations.pending import Item

STUCK = 15.0  # seconds without progress from a store that is away
START = 45.0  # seconds that a shipper may take to load, and to make a new store, on a machine that is busy
SILENT = 300.0  # seconds without a word after which a training of another machine may be given up


@click.command()
@click.option("--watch", is_flag=True, help="Go on until everything is delivered, trainings that still run included.")
@click.option("--uri", default=None, help="Address with the login of a store that needs one.")
@click.option("--timeout", default=STUCK, show_default=True, help="Seconds without progress after which to give up.")
@click.option("--anew", multiple=True, metavar="RUN", help="Deliver this run as a new one: its store has lost it.")
@click.option("--drop", multiple=True, metavar="RUN", help="Give this run up, and remove what the spool has of it.")
def sync(watch: bool, uri: str | None, timeout: float, anew: tuple[str, ...], drop: tuple[str, ...]) -> None:
    """Deliver what trainings on this machine have left for their MLflow store.

    Says what was delivered, what is left and why, and what is missing. Exit code 1 if something is left or missing.

    \b
    tfmlflow sync
    tfmlflow sync --anew 6d065d96      its server has a new database
    tfmlflow sync --drop 6d065d96      nobody needs it any more
    """
    from rich.console import Console
    from rich.live import Live

    from tfmlflow.errors import UsageError
    from tfmlflow.tracking.journal.spool import Spool
    from tfmlflow.tracking.operations import pending
    from tfmlflow.tracking.shipper import launch

    console = Console(markup=False, highlight=False)
    try:
        spools = Spool.all()
        wished = _heed(console, spools, anew, drop)
    except (UsageError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    everything = list(pending.items(*spools))
    mine = {item.folder.path: item.length for item in everything if not item.delivered or item.folder.path in wished}
    if not mine:
        places = " and ".join(str(spool.root) for spool in spools)
        console.print(f"nothing is left to deliver in {places}", soft_wrap=True)
        sys.exit(_tell(console, [item for item in everything if item.incomplete], set()))

    def done(item: Item) -> bool:
        """Whether nothing is left; of a training that this machine cannot look at, nothing of what it had said."""
        return item.up_to_date if item.running is not None else item.has(mine[item.folder.path])

    missing = _start([item for item in everything if item.folder.path in mine], uri)
    progress: tuple[int, int] | None = None
    began = moved = time.monotonic()
    starts = True
    with Live(console=console, transient=True, auto_refresh=False) as live:
        while True:
            found = [item for item in pending.items(*spools) if item.folder.path in mine]
            live.update(_table(found, missing), refresh=console.is_terminal)
            if all(item.delivered if watch else done(item) for item in found):
                break
            now = (sum(item.left for item in found), sum(item.waiting for item in found))
            starts = starts and progress in (None, now) and _may_start(filterfalse(done, found), missing)
            if now != progress or (starts and time.monotonic() - began < START):
                progress, moved = now, time.monotonic()
            if time.monotonic() - moved > timeout and not (watch and any(item.goes_on for item in found)):
                break
            for item in found:
                if not item.delivered and (known := pending.complete(item.uri, uri)):
                    launch.ensure(item.spool, known)
            time.sleep(0.2)
    console.print(_table(found, missing))
    left = [item for item in found if not done(item)]
    console.print(f"{len(found) - len(left)} of {len(found)} runs delivered", soft_wrap=True)
    kept = {item.folder.path for item in left}
    lacking = [item for item in pending.items(*spools) if item.incomplete and item.folder.path not in kept]
    sys.exit(_tell(console, [*left, *lacking], missing))


def _may_start(left: Iterable[Item], missing: set[str]) -> bool:
    """Whether a shipper is on its way, with nothing wrong; what an earlier one has left with is over."""
    waiting = [item for item in left if item.uri and item.uri not in missing and item.trouble is None]
    return any(not (item.shipper.away or item.shipper.stuck) for item in waiting)


def _heed(console: Console, spools: list[Spool], anew: tuple[str, ...], drop: tuple[str, ...]) -> set[Path]:
    """Do with single runs what is wanted; the folders of those that are to be delivered anew.

    Raises:
        UsageError: There is no such run, or it is one that is, or may be, in training.
        OSError: The spool cannot be written.
    """
    from tfmlflow.tracking.operations import pending

    chosen = [
        (option, _only(spools, option, run)) for option, runs in (("--anew", anew), ("--drop", drop)) for run in runs
    ]
    for option, item in chosen:
        if option == "--anew":
            pending.deliver_anew(item)
        else:
            item.folder.drop()
            console.print(f"dropped {item.name} {item.run_id or item.folder.key}", soft_wrap=True)
    return {item.folder.path for option, item in chosen if option == "--anew"}


def _only(spools: list[Spool], option: str, wanted: str) -> Item:
    from tfmlflow.errors import UsageError
    from tfmlflow.tracking.operations import pending

    found = pending.find(spools, wanted)
    if len(found) != 1:
        there = ", ".join(item.folder.key[:12] for item in (found or list(pending.items(*spools)))[:8]) or "none"
        many = f"{len(found)} runs begin like that" if found else "no such run in the spool"
        raise UsageError(f"{option} {wanted}: {many}; there {'is' if there == 'none' else 'are'} {there}")
    if option == "--drop" and found[0].running:
        raise UsageError(f"{option} {wanted}: its training is running; end that first")
    if option == "--drop" and found[0].running is None and (silent := found[0].silent_for) < SILENT:
        raise UsageError(
            f"{option} {wanted}: its training is, or was, on another machine, at which this one cannot look, and its "
            f"journal has grown {max(0.0, silent):.0f} s ago; end it, or drop it once the journal has not grown for "
            f"{SILENT / 60:.0f} minutes"
        )
    return found[0]


def _start(mine: list[Item], uri: str | None) -> set[str]:
    """Have a shipper at work for every store; returns the stores whose login is not known."""
    from tfmlflow.tracking.operations import pending
    from tfmlflow.tracking.shipper import launch

    missing: set[str] = set()
    for item in {(item.spool.root, item.uri): item for item in mine if item.uri}.values():
        known = pending.complete(item.uri, uri)
        if known is None:
            missing.add(item.uri)
        else:
            launch.ensure(item.spool, known)
    return missing


def _tell(console: Console, items: list[Item], logins: set[str]) -> int:
    """Say what is left or missing, and what can be done about it; the exit code."""
    for item in items:
        what = f"{item.name or 'run'} {item.run_id or item.folder.key}"
        if item.delivered:
            console.print(f"incomplete: {what} lacks {'; '.join(item.incomplete.splitlines())}", soft_wrap=True)
            continue
        console.print(f"left: {what} in {item.folder.path}: {_why(item, logins)}", soft_wrap=True)
        if item.advice:
            console.print(f"      {item.advice}", soft_wrap=True)
    return 1 if items else 0


def _why(item: Item, logins: set[str]) -> str:
    if item.uri in logins:
        return f"the login of {item.uri} is not known here; set MLFLOW_TRACKING_URI, or use --uri"
    return "its store has not taken it yet" if item.state == "being delivered" else item.state


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
