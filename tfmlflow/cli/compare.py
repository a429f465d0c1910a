"""`tfmlflow compare`: runs next to each other."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfmlflow.cli.selection import Selection, selecting

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from rich.console import Console

    from tfmlflow.analysis.comparison import Comparison
    from tfmlflow.analysis.pair import Pair
    from tfmlflow.analysis.runs.groups import Group

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@selecting
@click.option("--by", type=click.Choice(["epoch", "step", "time"]), default="epoch", help="What curves are aligned by.")
@click.option("--sort", help="value, epoch, time, cost, started, name, a param or a metric.")
@click.option("--reverse", is_flag=True, help="Turn the order round.")
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="Lines shown; 0 for all.")
@click.option("--html", type=FILE, help="Write a page with table, curves and plots, in one file that needs no network.")
@click.option("--csv", "table", type=FILE, help="Write a table, one row a run, every digit.")
@click.option("--png", type=FILE, help="Write a picture of the curves.")
@click.option("--view", is_flag=True, help="Save a view of these runs in MLflow's page, and print its address.")
def compare(
    selection: Selection,
    by: str,
    sort: str | None,
    reverse: bool,
    limit: int,
    html: Path | None,
    table: Path | None,
    png: Path | None,
    view: bool,
) -> None:
    """Compare runs of any MLflow store: what differs, what each reached, and what can be concluded.

    Runs that differ only in their seed or fold are one line, with mean and standard deviation. Two runs are also
    compared by their code, packages and data.

    \b
    tfmlflow compare --experiment mnist
    tfmlflow compare --sweep latest --html report.html --csv table.csv --png curves.png
    tfmlflow compare 6d065d96 a81c02f7
    """
    from rich.console import Console

    from tfmlflow.errors import UsageError

    console = Console(markup=False, highlight=False, emoji=False)
    try:
        with console.status("reading runs"):
            client = selection.client()
            comparison = selection.comparison(client)
            groups = _sorted(comparison, sort, reverse)
        pair = _print(console, client, comparison, groups, limit)
        _write(console, client, comparison, selection.title, by, pair, {"html": html, "csv": table, "png": png})
        if view:
            _save_view(console, client, comparison, selection)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _print(
    console: Console, client: MlflowClient, comparison: Comparison, groups: Sequence[Group], limit: int
) -> Pair | None:
    from tfmlflow.analysis.pair import read
    from tfmlflow.analysis.terminal import pair_terminal, terminal

    shown = groups[: limit or None]
    terminal.show(console, comparison, shown, len(groups) - len(shown))
    if len(comparison.runs) != 2:
        terminal.conclude(console, comparison)
        return None
    pair = read(client, *comparison.runs)
    console.print()
    pair_terminal.show(console, pair)
    return pair


def _write(
    console: Console,
    client: MlflowClient,
    comparison: Comparison,
    title: str,
    by: str,
    pair: Pair | None,
    wanted: dict[str, Path | None],
) -> None:
    from tfmlflow.errors import UsageError

    if not any(wanted.values()):
        return
    from tfmlflow.analysis import report

    try:
        for file in report.export(comparison, client, title, by, pair, **wanted):
            console.print(f"wrote {file}", soft_wrap=True)
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be written: {error.strerror}") from None


def _save_view(console: Console, client: MlflowClient, comparison: Comparison, selection: Selection) -> None:
    from tfmlflow.tracking.operations import view
    from tfmlflow.tracking.store import store
    from tfmlflow.vocabulary import Tag

    matching = None if selection.run_ids or selection.sweep else selection.matching
    whole = bool(selection.sweep) and not selection.run_ids and not selection.matching
    sweeps = {run.tags.get(Tag.SWEEP) for run in comparison.runs}
    sweep = sweeps.pop() if whole and len(sweeps) == 1 else None
    path = view.save(client, comparison, f"sweep {sweep}" if sweep else selection.title, matching, sweep)
    console.print(f"view  {store.page(selection.address(), path)}", soft_wrap=True)


def _sorted(comparison: Comparison, sort: str | None, reverse: bool) -> list[Group]:
    from tfmlflow.analysis.sorting import ordered

    return ordered(comparison, sort or "value", reverse)
