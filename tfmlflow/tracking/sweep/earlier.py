"""What earlier starts of a sweep, and other trainings of its experiment, have left in the store."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping

from mlflow import MlflowClient
from mlflow.entities import Run

from tfmlflow.job.outcome import Outcome
from tfmlflow.tracking.run import opening
from tfmlflow.tracking.store import store
from tfmlflow.vocabulary import EndReason, Metric, Tag

log = logging.getLogger(__name__)

PAGE = 1000  # runs in one answer


def start(uri: str, experiment: str, sweep: str) -> str | None:
    """The run that an earlier start of the sweep has opened, if there is one and the store answers."""
    if store.is_missing(uri):
        return None
    clause = f"tags.`{Tag.SWEEP}` = '{sweep}' AND tags.`{Tag.SWEEP_PARENT}` = 'true'"
    try:
        store.reach(uri)
        with opening.hurried():
            client = MlflowClient(uri)
            known = client.get_experiment_by_name(experiment)
            if known is None:
                return None
            found = client.search_runs([known.experiment_id], clause, max_results=1)
    except Exception:
        return None
    return str(found[0].info.run_id) if found else None


def finished(uri: str, experiment_id: str | None, metric: str) -> dict[str, Outcome]:
    """What is finished in an experiment, by fingerprint, the newest of each; nothing while the store is away.

    Args:
        uri: Of the store.
        experiment_id: None while the store is away.
        metric: The objective.
    """
    found: dict[str, Outcome] = {}
    try:
        with opening.hurried():
            for run in _all(uri, experiment_id):
                if mark := run.data.tags.get(Tag.FINGERPRINT):
                    outcome = _outcome(run, metric)
                    if mark not in found or (
                        found[mark].reason == EndReason.PRUNED and outcome.reason != EndReason.PRUNED
                    ):
                        found[mark] = outcome
    except Exception as error:
        log.warning("the store cannot tell what is finished: %s; every job is run", error)
        return {}
    return found


def _all(uri: str, experiment_id: str | None) -> Iterator[Run]:
    token: str | None = None
    while experiment_id is not None:
        page = MlflowClient(uri).search_runs(
            [experiment_id], "attributes.status = 'FINISHED'", max_results=PAGE, page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def _outcome(run: Run, metric: str) -> Outcome:
    metrics, tags = run.data.metrics, run.data.tags
    epoch, number = metrics.get(Metric.BEST_EPOCH), tags.get(Tag.JOB_NUMBER, "")
    return Outcome(
        status="FINISHED",
        reason=tags.get(Tag.END_REASON, EndReason.COMPLETED),
        objective=_reached(run, metric),
        best_epoch=None if epoch is None or not math.isfinite(epoch) else int(epoch),
        metrics=metrics,
        run_id=str(run.info.run_id),
        name=str(run.info.run_name),
        before=True,
        job=int(number) if number.isdigit() else None,
    )


def _reached(run: Run, metric: str) -> float | None:
    """What a run has reached of an objective at its best epoch; `best/<m>` holds validation's values alone."""
    metrics: Mapping[str, float] = run.data.metrics
    if run.data.params.get("objective.metric") == metric and Metric.BEST_OBJECTIVE in metrics:
        return metrics[Metric.BEST_OBJECTIVE]
    best = metrics.get("best/" + metric.partition("/")[2]) if metric.startswith("val/") else None
    return metrics.get(metric) if best is None else best
