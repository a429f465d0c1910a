"""A view of compared runs in MLflow's own page, which opens with what was compared."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tfmlflow.analysis.comparison import Comparison
from tfmlflow.analysis.runs.stored_run import StoredRun, is_draw
from tfmlflow.errors import UsageError
from tfmlflow.tracking.store.experiment_view import same
from tfmlflow.tracking.store.saved_view import SavedView, path
from tfmlflow.vocabulary import Metric

LISTED = 300  # runs that a view names one by one


def save(
    client: MlflowClient, comparison: Comparison, name: str, otherwise: str | None = None, sweep: str | None = None
) -> str:
    """Save it in the runs' experiment; returns the page's path.

    Where seeds vary, configurations are shown with their means, and a second view shows every run.

    Args:
        client: Of the store.
        comparison: Of the runs.
        name: For the page's list of views.
        otherwise: The filter that chooses them where they are too many to be named; None if there is none.
        sweep: Id of the sweep, if they are all that there is of one: its view has one place.

    Raises:
        UsageError: They are of several experiments, or too many, or the store does not take it.
    """
    places = {run.experiment_id for run in comparison.runs}
    if len(places) != 1:
        raise UsageError(f"--view: the runs are of {len(places)} experiments, and a page of MLflow shows those of one")
    (place,) = places
    ids = sorted(run.run_id for run in comparison.runs)
    if len(ids) > LISTED and otherwise is None:
        raise UsageError(f"--view: {len(ids)} runs, and a view names at most {LISTED}; choose fewer with --filter")
    chosen = otherwise or "" if len(ids) > LISTED else f"attributes.run_id IN ({', '.join(map(repr, ids))})"
    key = sweep[:12] if sweep else hashlib.sha256(chosen.encode()).hexdigest()[:12]
    shown = _params(comparison)
    seeds = [param for param in shown if is_draw(param)]
    views = {key: SavedView(name, *_metric(comparison), shown, chosen, seeds)}
    if seeds and len(seeds) < len(shown):
        views = {f"{key}-runs": SavedView(f"{name}, every run", *_metric(comparison), shown, chosen)} | views
    try:
        for each, view in views.items():
            view.save(client, place, each)
    except MlflowException as error:
        raise UsageError(f"--view: {str(error).splitlines()[0]}") from None
    return path(place, key)


def _metric(comparison: Comparison) -> tuple[str, str, str]:
    """The number to compare by, its direction, and its curve."""
    objective = comparison.objective
    own = [run for run in comparison.runs if run.params.get("objective.metric") == objective.metric]
    ours = bool(own) and all(Metric.BEST_OBJECTIVE in run.metrics for run in own)
    return Metric.BEST_OBJECTIVE if ours else objective.metric, objective.mode, objective.metric


def _params(comparison: Comparison) -> list[str]:
    """In which the runs differ, and no two that say the same: the settings, then what only names a random draw."""
    known = {param for run in comparison.runs for param in run.params}
    seeds = sorted((param for param in known if is_draw(param)), key=lambda param: (len(param), param))
    shown: list[str] = []
    for param in dict.fromkeys([*(key for key in comparison.settings if key in known), *seeds]):
        column = _column(comparison.runs, param)
        if len(set(column)) > 1 and not any(same(column, _column(comparison.runs, other)) for other in shown):
            shown.append(param)
    return shown


def _column(runs: Sequence[StoredRun], param: str) -> list[str | None]:
    return [run.params.get(param) for run in runs]
