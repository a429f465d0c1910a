"""`tfmlflow doctor`: is everything there that a training needs?"""

from __future__ import annotations

import sys

import click


@click.command()
@click.option("--uri", default=None, help="The store; else $MLFLOW_TRACKING_URI, else mlflow.db in this folder.")
def doctor(uri: str | None) -> None:
    """Look at the store, the spool, the disk, versions and GPUs: a tick or a fix each, in under 10 seconds.

    Exit code 1 if something is to be mended.
    """
    from rich.console import Console

    console = Console(markup=False, highlight=False)
    with console.status("asking the store"):
        from tfmlflow.tracking.operations import health
        from tfmlflow.tracking.store import store

        findings = list(health.examine(store.absolute(uri)))
    for finding in findings:
        console.print("✓" if finding.fine else "✗", style="green" if finding.fine else "red", end=" ")
        console.print(f"{finding.what}: {finding.said}", soft_wrap=True)
        if not finding.fine:
            console.print(f"    {finding.fix}", soft_wrap=True)
    sys.stdout.flush()
    bad = any(not finding.fine for finding in findings)
    import os

    os._exit(1 if bad else 0)  # a question that hangs shall not hold up the answer
