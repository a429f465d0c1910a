"""The run of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from tfmlflow.data.record import Data
from tfmlflow.tracking.models.model_import import Stored
from tfmlflow.tracking.provenance import datasets
from tfmlflow.tracking.run.start import start
from tfmlflow.tracking.store import store
from tfmlflow.trainer.callbacks.progress import short
from tfmlflow.vocabulary import Tag


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
    tags = {Tag.EVALUATED_MODEL: stored.uri, Tag.DATA_DIGEST: data.digest}
    if stored.run_id:
        tags[Tag.EVALUATED_RUN] = stored.run_id
    with start(
        *(store.absolute(tracking["uri"]), tracking["experiment"], name, tags),
        adopt=adopt,
        drain_timeout=tracking["drain_timeout"],
    ) as session:
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
    console.print(f"run   {name}  {session.run_id}", soft_wrap=True)
    console.print(f"open  {session.location}", soft_wrap=True)
