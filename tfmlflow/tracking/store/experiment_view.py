"""The view of a whole experiment, which shows in what its runs differ: looked at again when a run has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlflow import MlflowClient
from mlflow.entities import ViewType

from tfmlflow.analysis.runs.stored_run import is_draw
from tfmlflow.tracking.store.saved_view import ALL, OURS, PREFIX, SavedView
from tfmlflow.vocabulary import Tag

LATEST = 100  # runs that are looked at, as many as the page shows at first
GROUPS = ("model", "optimizer", "schedule", "data", "augment", "trainer", "hardware", "compress", "seed")


def renew(client: MlflowClient, run_id: str) -> bool:
    """After the end of a run, show in its experiment's view what varies now; whether it has changed.

    A view that is not as we saved it is somebody's own by now, and stays as it is. So does one after a sweep's job: the
    sweep's end has it looked at.

    Raises:
        MlflowException: Of the store.
    """
    run = client.get_run(run_id)
    value = client.get_experiment(run.info.experiment_id).tags.get(PREFIX + OURS + ALL)
    if Tag.PARENT in run.data.tags or value is None or (shown := SavedView.read(value)) is None:
        return False
    latest = client.search_runs([run.info.experiment_id], run_view_type=ViewType.ACTIVE_ONLY, max_results=LATEST)
    params = varying([each.data.params for each in latest if Tag.SWEEP_PARENT not in each.data.tags])
    if params == list(shown.params):
        return False
    SavedView(shown.name, shown.metric, shown.mode, shown.curve, params).save(client, run.info.experiment_id, ALL)
    return True


def varying(runs: Sequence[Mapping[str, str]]) -> list[str]:
    """Settings of training that have several values, a run without one left aside, and no two that say the same."""
    known = {param for params in runs for param in params if param.split(".")[0] in GROUPS}
    found = [param for param in known if len({params[param] for params in runs if param in params}) > 1]
    shown: dict[str, list[str | None]] = {}
    for param in sorted(found, key=_place):
        column = [params.get(param) for params in runs]
        if not any(same(column, other) for other in shown.values()):
            shown[param] = column
    return list(shown)


def same(one: Sequence[str | None], other: Sequence[str | None]) -> bool:
    """Whether each value of the one stands with one value of the other alone."""
    return len(set(zip(one, other, strict=True))) == len(set(one)) == len(set(other))


def _place(param: str) -> tuple[object, ...]:
    """Seeds last, the others as in `GROUPS`, the option before its settings."""
    group, _, rest = param.partition(".")
    return is_draw(param), len(param) if is_draw(param) else GROUPS.index(group), rest != "name", param
