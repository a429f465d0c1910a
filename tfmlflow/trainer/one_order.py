"""Somebody's own batches must come in one order to all workers, each of which trains on its part of every one."""

from __future__ import annotations

from tfmlflow.data.record import Data
from tfmlflow.errors import UsageError
from tfmlflow.hardware import broadcast
from tfmlflow.hardware.runtime import Runtime


def require_alike(runtime: Runtime, data: Data) -> None:
    """Refuse batches that came in another order to some worker when they were first gone through.

    Raises:
        UsageError: On all workers; names those that had another one.
    """
    parts = [one.own for one in (data.train, data.validation, data.test) if one.own is not None]
    orders = " ".join(f"{own.steps}:{own.order}" for own in parts)
    if parts and (found := broadcast.others(runtime, orders)):
        raise UsageError(_said(data.name, found))


def require_one_order(runtime: Runtime, name: str, order: str) -> None:
    """End a training after an epoch whose batches came in another order to some worker.

    Args:
        runtime: Who trains together.
        name: Of the data.
        order: Of what has passed here; empty where that does not count.

    Raises:
        RuntimeError: On all workers: earlier epochs were right, and are recorded.
    """
    if found := broadcast.others(runtime, order):
        raise RuntimeError(_said(name, found))


def _said(name: str, others: list[int]) -> str:
    who = ", ".join(f"worker {number}" for number in others)
    return (
        f"data={name}: other batches came to {who} than to the chief, or in another order; each worker trains on its "
        "part of every batch, so that examples would be left out: shuffle by a seed, map with deterministic=True, or "
        "return arrays, which are shuffled here"
    )
