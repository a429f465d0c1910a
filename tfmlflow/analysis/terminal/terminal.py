"""A comparison in the terminal: a table that fits its width, then what can be concluded."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tfmlflow.analysis.comparison import Comparison
from tfmlflow.analysis.runs.groups import Group
from tfmlflow.analysis.wording import cut, number, plain, setting, short_names
from tfmlflow.duration import duration

WIDEST = 18  # characters of a setting's column
LINES = 8  # of failures, differences and importances each


def show(console: Console, comparison: Comparison, groups: Sequence[Group], hidden: int) -> None:
    """Print `groups`, and what is known about all runs.

    Args:
        console: Without markup.
        comparison: Of the runs.
        groups: Those to show, in their order.
        hidden: How many others are not shown.
    """
    objective, runs = comparison.objective, comparison.runs
    experiments = list(dict.fromkeys(run.experiment for run in runs))
    where = plain(experiments[0]) if len(experiments) == 1 else f"{len(experiments)} experiments"
    configurations = f", {len(comparison.groups)} configurations" if len(comparison.groups) < len(runs) else ""
    direction = "higher" if objective.mode == "max" else "lower"
    console.print(f"{where}: {len(runs):,} runs{configurations}, by {plain(objective.metric)}, {direction} is better")
    console.print(plain(comparison.headline), style="bold")
    table, left = _table(comparison, groups, console.width)
    console.print(table)
    if hidden:
        console.print(f"{hidden:,} more; --limit 0 shows all", style="dim")
    if left:
        names = short_names(left)
        some = ", ".join(plain(names[key]) for key in left[:12]) + (", ..." if len(left) > 12 else "")
        console.print(f"no room for {some}; --html and --csv have all", style="dim")
    if comparison.estimated:
        console.print(
            f"~ last value, not the best: of {comparison.estimated:,} runs the history was not read", style="dim"
        )
    _failures(console, comparison)


def conclude(console: Console, comparison: Comparison) -> None:
    """Print from which others the best is told, and which settings matter."""
    found = comparison.significance
    console.print(f"\nsignificance  {found.said}")
    for item in found.differences[:LINES]:
        more = f"; about {item.seeds} {found.unit} each would tell" if item.seeds else ""
        sign = "differ" if item.significant else f"not told apart{more}"
        p = "p < 0.0001" if item.p < 0.0001 else f"p = {item.p:.4f}"
        console.print(
            f"  #{item.first + 1} and #{item.second + 1}: {number(item.by)} [{number(item.low)}, {number(item.high)}], "
            f"{p}: {sign}"
        )
    if len(found.differences) > LINES:
        console.print(f"  {len(found.differences) - LINES} more in the report: --html", style="dim")
    verdict = comparison.importance
    console.print(f"importance    {verdict.said}")
    names = short_names([item.setting for item in verdict.importances])
    width = max((len(name) for name in names.values()), default=0)
    for entry in verdict.importances[:LINES]:
        bar = "█" * round(20 * max(0.0, min(1.0, entry.share)))
        clear = "" if entry.clear else "  not told from nothing"
        low, high = round(100 * entry.low), round(100 * entry.high)
        name = plain(names[entry.setting]).ljust(width)
        console.print(f"  {name}  {round(100 * entry.share):3d} % [{low}, {high}] {bar}{clear}", no_wrap=True)
    for pair in verdict.pairs[:LINES]:
        shown = " × ".join(plain(names.get(key, key)) for key in pair.setting.split(" × "))
        console.print(f"  of these, {round(100 * pair.share)} % by {shown} together: they are to be chosen together")


def value_of(comparison: Comparison, group: Group) -> str:
    """What a configuration reached, with its spread over seeds or folds."""
    mark = "~" if any(comparison.reached[run.run_id].last for run in group.runs) else ""
    spread = f" ±{number(group.spread)}" if group.spread is not None else ""
    return f"{mark}{number(group.mean)}{spread}"


def _table(comparison: Comparison, groups: Sequence[Group], width: int) -> tuple[Table, list[str]]:
    """The table, and the settings for which there is no room."""
    place = {id(group): index + 1 for index, group in enumerate(comparison.groups)}
    columns: list[tuple[str, str, list[str]]] = [
        ("#", "right", [str(place[id(group)]) for group in groups]),
        (cut(plain(comparison.objective.metric), WIDEST), "right", [value_of(comparison, group) for group in groups]),
    ]
    if any(len(group.runs) > 1 for group in groups):
        columns.append(("n", "right", [str(len(group.values)) for group in groups]))
    columns.append(("epoch", "right", ["-" if g.best.epoch is None else str(g.best.epoch) for g in groups]))
    ends: list[tuple[str, str, list[str]]] = []
    if any(group.state for group in groups):
        ends.append(("state", "left", [cut(plain(group.state), 2 * WIDEST) for group in groups]))
    ends.append(("time", "right", [duration(group.seconds) for group in groups]))
    if any(group.processor is not None for group in groups):
        ends.append(("CPU", "right", [duration(group.processor) for group in groups]))
    ends.append(("run", "left", [group.runs[0].run_id[:8] for group in groups]))
    wide = [("name", "left", [cut(plain(group.runs[0].name), 2 * WIDEST) for group in groups])]
    if comparison.settings:
        names = short_names(comparison.settings)
        wide = [
            (_cell(names[key]), "left", [_cell(setting(group.settings.get(key, ""))) for group in groups])
            for key in comparison.settings
        ]
    for header in ("", "CPU", "time", "epoch", "n"):  # settings matter more
        columns, ends = ([one for one in part if one[0] != header] for part in (columns, ends))
        kept = _fitting(wide, width - sum(_width(column) + 2 for column in [*columns, *ends]))
        if kept == len(wide):
            break
    kept = max(kept, min(2, len(wide)))
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    shown, fixed = [*columns, *wide[:kept], *ends], {header for header, *_ in (*columns, *ends)} - {"state"}
    for header, side, _ in shown:
        table.add_column(
            header, justify="right" if side == "right" else "left", overflow="fold", no_wrap=header in fixed
        )
    for cells in zip(*(content for *_, content in shown), strict=True):
        table.add_row(*cells)
    return table, comparison.settings[kept:]


def _fitting(columns: Sequence[tuple[str, str, list[str]]], room: int) -> int:
    """How many of them fit into so many characters."""
    kept = 0
    while kept < len(columns) and (room := room - _width(columns[kept]) - 2) >= 0:
        kept += 1
    return kept


def _cell(text: str) -> str:
    return cut(plain(text), WIDEST)


def _width(column: tuple[str, str, list[str]]) -> int:
    widest = max(len(column[0]), *(len(cell) for cell in column[2]), 1)
    return min(widest, WIDEST) if column[0] == "state" else widest  # which may take several lines


def _failures(console: Console, comparison: Comparison) -> None:
    failed = comparison.failed
    if not failed:
        return
    stopped = sum(run.status == "KILLED" for run in failed)
    said = [f"{len(failed) - stopped} failed"] if stopped < len(failed) else []
    said += [f"{stopped} {'were' if stopped > 1 else 'was'} stopped"] if stopped else []
    console.print(f"\nof {len(comparison.runs):,} runs {' and '.join(said)}")
    for run in failed[:LINES]:
        lines = [line for line in run.error.splitlines() if line.strip()]
        why = f": {cut(plain(lines[-1]), 200)}" if lines else ""
        console.print(f"  {run.run_id[:8]} {cut(plain(run.name), 40)}  {plain(run.state)}{why}")
    if len(failed) > LINES:
        console.print(f"  {len(failed) - LINES} more; --csv has all", style="dim")
