"""The runs of a sweep's jobs side by side: a report, a view of the store, and sizes of models by what they reach."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from mlflow import MlflowClient

from tfmlflow.analysis import report as comparison_report
from tfmlflow.analysis.comparison import Comparison
from tfmlflow.analysis.pareto import Pareto
from tfmlflow.analysis.runs import reading
from tfmlflow.errors import UsageError
from tfmlflow.tracking.operations import view
from tfmlflow.tracking.run import opening
from tfmlflow.tracking.run.session import Session
from tfmlflow.tracking.store import retry, store
from tfmlflow.vocabulary import File, Tag

log = logging.getLogger(__name__)

COMPARED = 100  # runs in a link to the comparison page


def report(
    session: Session, sweep: str, run_ids: Sequence[str], title: str, metric: str, mode: str, compresses: bool
) -> str | None:
    """Store the comparison of the jobs' runs as files of the sweep's; a failure is a warning.

    Args:
        session: The sweep's run.
        sweep: Its id.
        run_ids: Of the jobs.
        title: Of the page.
        metric, mode: The objective.
        compresses: Whether the jobs' runs are children of the run whose model they compress.

    Returns:
        Path of the view of these runs, where one was saved.
    """
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    saved = None
    try:
        store.reach(session.uri)
        with opening.hurried():
            client = MlflowClient(session.uri)
            runs = reading.read(client, None, None, run_ids, "")
            comparison = Comparison.of(client, runs, metric, mode)
            files = comparison_report.write(comparison, client, session.staging / "report", title)
            if len(runs) > 1:
                saved = _save_view(session, sweep, client, comparison, title, compresses)
    except Exception as error:
        log.warning(
            "there is no report of the sweep, which is made of what the store has: %s. Once all is delivered: "
            "tfmlflow compare --sweep %s",
            *(retry.reason(error), sweep),
        )
        return None
    for file in (files.html, files.csv, files.png):
        session.artifact(Path(file))
    return saved


def _save_view(
    session: Session, sweep: str, client: MlflowClient, comparison: Comparison, title: str, compresses: bool
) -> str | None:
    children = f"tags.`mlflow.parentRunId` = '{session.opened.run_id}'"
    if compresses:
        children = f"tags.`{Tag.SWEEP}` = '{sweep}'"
    try:
        return view.save(client, comparison, f"{title} {sweep[:8]}", children, sweep)
    except UsageError as error:  # jobs in several experiments
        log.info("no view of the sweep: %s", error)
        return None


def pareto(session: Session, run_ids: Sequence[str]) -> Pareto | None:
    """Of the models that jobs have compressed; stored as a picture and a table. A failure is a warning."""
    try:
        with opening.hurried():
            found = Pareto.of(reading.read(MlflowClient(session.uri), None, None, run_ids, ""))
        if found is not None:
            file = session.staging / File.PARETO
            found.draw(file)
            session.artifact(file)
            session.text(File.PARETO_TABLE, found.csv())
        return found
    except Exception as error:
        log.warning("there is no comparison of sizes: %s: %s", type(error).__name__, retry.reason(error))
        return None


def page(uri: str, experiment_id: str, run_ids: Sequence[str]) -> str:
    """Where a person finds exactly these runs side by side."""
    some, where = (
        quote(json.dumps(ids, separators=(",", ":")), safe=",") for ids in (list(run_ids[:COMPARED]), [experiment_id])
    )
    return store.page(uri, f"#/compare-runs?runs={some}&experiments={where}&workflowType=machine_learning")
