"""The run of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from tfmlflow.data.record import Data
from tfmlflow.tracking import datasets
from tfmlflow.tracking.model_import import Stored
from tfmlflow.tracking.session import Session
from tfmlflow.tracking.store import Store
from tfmlflow.trainer.progress import short


def record(
    settings: Mapping[str, Any], stored: Stored, data: Data, split: str, metrics: Mapping[str, float], adopt: str | None
) -> None:
    """Record `metrics` as `<split>/<m>` in a run, and print them.

    Args:
        settings: The whole config.
        stored: What was evaluated.
        data, split: On what.
        metrics: By plain names.
        adopt: A run that was opened for this command, or None for a new one.
    """
    tracking = settings["tracking"]
    name = f"evaluate {stored.run_id[:8] if stored.run_id else stored.uri} on {data.name}"
    tags = {"tfmlflow.evaluated_model": stored.uri, "tfmlflow.data_digest": data.digest}
    if stored.run_id:
        tags["tfmlflow.evaluated_run"] = stored.run_id
    store = Store.open(tracking["uri"], tracking["experiment"], beside=adopt)
    run_id = store.adopt_run(adopt, name, tags) if adopt else store.create_run(name, tags)
    with Session(store, run_id, tracking["drain_timeout"], system_metrics=False) as session:
        session.params({"data": settings["data"], "split": split, "evaluated": stored.uri})
        session.dataset(datasets.record(data))
        prefix = {"validation": "val"}.get(split, split)
        session.metrics({f"{prefix}/{key}": value for key, value in metrics.items()}, 0)
    console = Console(markup=False, highlight=False)
    console.print(f"{stored.uri} on {data.name}, {split} ({len(getattr(data, split)):,} examples)", soft_wrap=True)
    table = Table()
    table.add_column("metric")
    table.add_column(split, justify="right")
    for key, value in metrics.items():
        table.add_row(key, short(value))
    console.print(table)
    console.print(f"run   {name}  {run_id}", soft_wrap=True)
    console.print(f"open  {store.address(run_id)}", soft_wrap=True)
