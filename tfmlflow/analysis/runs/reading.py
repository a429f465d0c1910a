"""Choosing runs in a store, and reading thousands of them."""

from __future__ import annotations

import contextlib
import difflib
import gc
import logging
import re
from collections.abc import Iterator, Sequence

from mlflow import MlflowClient
from mlflow.entities import Experiment, ViewType
from mlflow.exceptions import MlflowException

from tfmlflow.analysis.runs import swept
from tfmlflow.analysis.runs.stored_run import StoredRun
from tfmlflow.errors import UsageError
from tfmlflow.masking import masked_text
from tfmlflow.vocabulary import Tag

log = logging.getLogger(__name__)

PAGE = 5000  # runs that are asked for at once
SHOWN = 8  # names in a message


def read(
    client: MlflowClient,
    experiment: str | None = None,
    sweep: str | None = None,
    ids: Sequence[str] = (),
    matching: str = "",
) -> list[StoredRun]:
    """The runs that all of these choose, the oldest first; parents of sweeps are left out.

    Args:
        client: Of the store.
        experiment: Name or id; None for all.
        sweep: Id of a sweep, of its parent run, or `latest`.
        ids: Of runs, or how they begin.
        matching: A filter in MLflow's search language.

    Raises:
        UsageError: There is no such experiment, sweep or run, the filter is wrong, or nothing is chosen.
    """
    with _no_garbage():
        return _read(client, experiment, sweep, ids, matching)


def _read(
    client: MlflowClient, experiment: str | None, sweep: str | None, ids: Sequence[str], matching: str
) -> list[StoredRun]:
    names = {str(e.experiment_id): str(e.name) for e in _experiments(client)}
    where = [_find(names, experiment)] if experiment is not None else list(names)
    clauses = [matching] if matching else []
    if sweep is not None:
        clauses.append(swept.clause(client, where, sweep))
    if ids:
        found = [run for given in ids for run in _by_id(client, where, names, given, clauses)]
        return list({run.run_id: run for run in found}.values())
    runs = list(_search(client, where, names, " AND ".join(clauses)))
    if sweep is not None:
        known = {run.run_id for run in runs}
        for those in swept.reused(client, runs):
            text = " AND ".join([*([matching] if matching else []), those])
            runs += [run for run in _search(client, where, names, text) if run.run_id not in known]
    parents = {run.tags[Tag.PARENT] for run in runs if Tag.PARENT in run.tags}
    kept = [run for run in runs if not run.is_sweep and not run.is_range_test]
    kept = [run for run in kept if run.metrics or run.run_id not in parents]
    trained = [run for run in kept if not run.is_derived]
    if sweep is None and not matching and trained and len(trained) < len(kept):
        log.warning(
            "runs that made a stored model small, or evaluated one, are left out, %d; `--sweep <id>` or `--filter` "
            "compares them",
            len(kept) - len(trained),
        )
        kept = trained
    if not kept:
        asked = [f"--experiment {experiment}" if experiment else "", f"--sweep {sweep}" if sweep else ""]
        asked.append(f"--filter {matching!r}" if matching else "")
        raise UsageError(f"no runs: {' '.join(filter(None, asked)) or 'the store is empty'}: chooses none")
    return kept


@contextlib.contextmanager
def _no_garbage() -> Iterator[None]:
    """Without the garbage collector, which looks through millions of new objects again and again and finds nothing.

    10,000 runs are read in less than half the time.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def experiment_names(client: MlflowClient) -> list[str]:
    """All experiments that are not deleted, the one used last first."""
    return [str(experiment.name) for experiment in _experiments(client)]


def _experiments(client: MlflowClient) -> Iterator[Experiment]:
    token: str | None = None
    while True:
        page = client.search_experiments(
            ViewType.ACTIVE_ONLY, order_by=["last_update_time DESC"], max_results=1000, page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def _find(names: dict[str, str], wanted: str) -> str:
    for key, name in names.items():
        if name == wanted:
            return key
    if wanted in names:
        return wanted
    near = difflib.get_close_matches(wanted, list(names.values()), n=3, cutoff=0.5)
    there = near or list(names.values())[:SHOWN]
    said = "the nearest:" if near else "there is" if len(there) == 1 else "there are"
    raise UsageError(f"--experiment {wanted}: there is no such experiment; {said} {', '.join(there) or 'none'}")


def _search(client: MlflowClient, where: list[str], names: dict[str, str], text: str) -> Iterator[StoredRun]:
    token: str | None = None
    while where:
        try:
            page = client.search_runs(
                where, text, max_results=PAGE, order_by=["attributes.start_time ASC"], page_token=token
            )
        except MlflowException as error:
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise
            raise UsageError(
                f"--filter {text}: {str(error).splitlines()[0]}; for example: metrics.`val/loss` < 0.1"
            ) from None
        for run in page:
            yield StoredRun.of(run, names[str(run.info.experiment_id)])
        token = page.token
        if not token:
            return


def _by_id(
    client: MlflowClient, where: list[str], names: dict[str, str], given: str, clauses: list[str]
) -> list[StoredRun]:
    if not re.fullmatch(r"\w+", given):
        raise UsageError(f"'{given}': is no run id, of which the first digits are enough, such as 6d065d96")
    text = " AND ".join([f"attributes.run_id LIKE '{given}%'", *clauses])
    found = list(_search(client, where, names, text))
    if not found:
        gone = client.search_runs(where, text, ViewType.DELETED_ONLY, max_results=1) if where else []
        if gone:
            raise UsageError(f"{gone[0].info.run_id}: this run is deleted; `mlflow runs restore` takes that back")
        raise UsageError(
            f"{given}: there is no such run in {masked_text(client.tracking_uri)}; `tfmlflow compare --experiment "
            "name` lists those of an experiment"
        )
    if len(found) > 1:
        raise UsageError(
            f"{given}: {len(found)} runs begin like that: {', '.join(run.run_id for run in found[:SHOWN])}"
        )
    return found
