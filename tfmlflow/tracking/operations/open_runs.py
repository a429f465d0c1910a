"""Runs that a store shows as RUNNING: which of them have a trainer, and which were left by a dead one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mlflow import MlflowClient
from mlflow.entities import ViewType

from tfmlflow.tracking.shipper.watch import HEARTBEAT
from tfmlflow.vocabulary import EndReason, Tag

SILENT = 1.5 * HEARTBEAT  # seconds in which every trainer that lives gives a sign
ORPHANED = 4 * HEARTBEAT  # seconds without a heartbeat after which a run is taken for orphaned


@dataclass(frozen=True)
class OpenRun:
    """A run that nobody has ended.

    Attributes:
        run_id, name, experiment: Of the run.
        started: Seconds since 1970.
        heartbeat: When its trainer was last seen alive, seconds since 1970; None for a run that is not ours.
        trainer: Whether its trainer lives, as far as this machine can tell; None if it cannot.
    """

    run_id: str
    name: str
    experiment: str
    started: float
    heartbeat: float | None
    trainer: bool | None

    @property
    def orphaned(self) -> bool:
        """Whether its trainer is dead, or has not been seen alive for long, by two clocks that may differ."""
        if self.trainer is not None:
            return not self.trainer
        return self.heartbeat is not None and abs(time.time() - self.heartbeat) > ORPHANED


def find(client: MlflowClient, trainers: Mapping[str, bool]) -> Iterator[OpenRun]:
    """All runs that are RUNNING, the oldest first.

    Args:
        client: Of the store.
        trainers: By run id, of runs in the spool: whether the trainer lives.
    """
    experiments = {str(e.experiment_id): str(e.name) for e in client.search_experiments(view_type=ViewType.ACTIVE_ONLY)}
    token: str | None = None
    while True:
        page = client.search_runs(
            list(experiments),
            "attributes.status = 'RUNNING'",
            order_by=["attributes.start_time ASC"],
            max_results=1000,
            page_token=token,
        )
        for run in page:
            info, tags = run.info, run.data.tags
            yield OpenRun(
                run_id=str(info.run_id),
                name=str(info.run_name),
                experiment=experiments[str(info.experiment_id)],
                started=info.start_time / 1000,
                heartbeat=_seconds(tags.get(Tag.HEARTBEAT)),
                trainer=trainers.get(str(info.run_id)),
            )
        token = page.token
        if not token:
            return


def silent(client: MlflowClient, runs: Sequence[OpenRun], wait: float) -> list[OpenRun]:
    """Those of the runs that are still open and give no sign of life: clocks of other machines may be wrong.

    Args:
        client: Of the store.
        runs: Orphaned, as it seems.
        wait: Seconds in which a trainer elsewhere would have given one.
    """
    elsewhere = {run.run_id for run in runs if run.trainer is None}
    if elsewhere:
        time.sleep(wait)
    left = []
    for run in runs:
        now = client.get_run(run.run_id)
        moved = _seconds(now.data.tags.get(Tag.HEARTBEAT)) != run.heartbeat
        if now.info.status == "RUNNING" and not (moved and run.run_id in elsewhere):
            left.append(run)
    return left


def reap(client: MlflowClient, run: OpenRun) -> None:
    """End an orphaned run as FAILED, `killed`, at its last heartbeat."""
    client.set_tag(run.run_id, Tag.END_REASON, EndReason.KILLED)
    client.set_terminated(run.run_id, "FAILED", end_time=int(min(run.heartbeat or time.time(), time.time()) * 1000))


def _seconds(text: str | None) -> float | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() if text else None
    except ValueError:
        return None
