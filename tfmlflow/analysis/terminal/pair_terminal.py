"""Two runs side by side, in the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tfmlflow.analysis.pair import Pair, Two
from tfmlflow.analysis.wording import cut, plain

LINES = 40  # of the patches' difference
MISSING = "-"


def show(console: Console, pair: Pair) -> None:
    """Print what two runs do not share."""
    one, two = pair.first.run_id[:8], pair.second.run_id[:8]
    _values(console, "param", pair.params, one, two, "params      the same")
    _same(console, "commit", pair.commits, one, two)
    _same(console, "data", pair.data, one, two)
    if pair.packages is None:
        console.print("packages    not both runs have recorded them")
    else:
        _values(console, "package", pair.packages, one, two, "packages    the same")
    _patches(console, pair, one, two)


def patches_said(pair: Pair) -> str:
    """One line about what the working trees differed by from their commits."""
    one, two = pair.patches
    if one is None and two is None:
        return "no changes against the commit recorded"
    if one == two:
        return "the same changes against the commit"
    return f"changes against the commit differ in {', '.join(pair.patched_files) or 'text outside of files'}"


def _patches(console: Console, pair: Pair, one: str, two: str) -> None:
    console.print(f"patch       {plain(patches_said(pair))}")
    who = {"first": f"changed in {one} alone", "second": f"changed in {two} alone", "both": "changed differently"}
    for file, whose in pair.patched_files.items():
        console.print(f"  {plain(file)}: {who[whose]}")
    lines = pair.patch_lines
    for line in lines[:LINES]:
        style = "green" if line.startswith("+") else "red" if line.startswith("-") else "dim"
        console.print(f"  {cut(plain(line.rstrip()) or ' ', console.width - 4)}", style=style)
    if len(lines) > LINES:
        console.print(f"  {len(lines) - LINES} more lines; --html has all", style="dim")
    commits = [commit.rstrip("+") for commit in pair.commits if commit]
    if len(set(commits)) == 2 and all(commit.isalnum() for commit in commits):
        console.print(f"  code between the commits: git diff {commits[0]} {commits[1]}", style="dim")


def _values(console: Console, what: str, both: Mapping[str, Two], one: str, two: str, same: str) -> None:
    if not both:
        console.print(same)
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for header in (what, one, two):
        table.add_column(header, overflow="fold")
    for key, values in both.items():
        table.add_row(plain(key), *(MISSING if value is None else plain(value) for value in values))
    console.print(table)


def _same(console: Console, what: str, both: Two, one: str, two: str) -> None:
    first, second = (MISSING if value is None else plain(value) for value in both)
    if both == (None, None):
        said = "not recorded"
    elif first == second:
        said = f"the same, {first}"
        said += ", with changes: see below" if first.endswith("+") else ""
    else:
        said = f"{first} in {one}, {second} in {two}"
    console.print(f"{what:<12}{said}")
