"""The table of a profile, for the terminal."""

from __future__ import annotations

from rich.table import Table

from tfmlflow.profile.measured import Measured

MEANS = {
    "compile": "tracing and compiling",
    "input": "steps that wait for data",
    "transfer": "batches on their way to the device",
    "compute": "the steps themselves",
    "overhead": "the way into the graph and back",
    "callbacks": "callbacks, but for tracking",
    "tracking": "recording the run",
    "evaluation": "validation after each epoch",
    "rest": "nobody's",
}


def of(measured: Measured) -> Table:
    """Seconds and shares of the whole training, and what was measured of a step."""
    title = f"{measured.epochs:,} epochs of {measured.steps:,} steps, {measured.whole:.3g} s as reckoned from a part"
    table = Table("part", "what it is", title=title, title_justify="left")
    table.add_column("seconds", justify="right")
    table.add_column("share", justify="right")
    for name, seconds in measured.parts.items():
        table.add_row(name, MEANS[name], f"{seconds:.3g}", f"{measured.shares[name]:.1%}")
    table.add_section()
    for name, seconds in (
        ("a step in the training", measured.step),
        ("a step with its data, nothing around it", measured.bare),
        ("a step on one batch: the ceiling of compute", measured.cached),
        ("a batch from the pipeline alone: the ceiling of input", measured.pipeline),
    ):
        table.add_row("", name, f"{1000 * seconds:.3g} ms", f"{1 / max(seconds, 1e-9):,.0f}/s")
    return table
