"""Choosing runs in a store, and reading thousands of them."""

from __future__ import annotations

import contextlib
import difflib
import gc
import json
import logging
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Experiment, Run, ViewType
from mlflow.exceptions import MlflowException

from tfmlflow.analysis.runs.stored_run import StoredRun
from tfmlflow.errors import UsageError
from tfmlflow.masking import masked_text
from tfmlflow.vocabulary import File, Tag

log = logging.getLogger(__name__)

PAGE = 5000  # runs that are asked for at once
LATEST = "latest"
AT_ONCE = 200  # run ids in a question
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
        clauses.append(_sweep(client, where, sweep))
    if ids:
        found = [run for given in ids for run in _by_id(client, where, names, given, clauses)]
        return list({run.run_id: run for run in found}.values())
    runs = list(_search(client, where, names, " AND ".join(clauses)))
    if sweep is not None:
        known = {run.run_id for run in runs}
        runs += [run for run in _reused(client, where, names, runs, matching) if run.run_id not in known]
    parents = {run.tags[Tag.PARENT] for run in runs if Tag.PARENT in run.tags}
    kept = [run for run in runs if not run.is_sweep and not run.is_range_test]
    kept = [run for run in kept if run.metrics or run.run_id not in parents]
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


def _sweep(client: MlflowClient, where: list[str], wanted: str) -> str:
    """The clause that chooses the children of a sweep."""
    if "'" in wanted:
        raise UsageError(f"--sweep {wanted}: is no sweep id")
    if wanted == LATEST:
        for tag in (Tag.SWEEP, Tag.PARENT):
            newest = _newest(client, where, f"tags.`{tag}` LIKE '%'", 1)
            done = _newest(client, where, f"tags.`{tag}` LIKE '%' AND attributes.status = 'FINISHED'", 1)
            if not newest:
                continue
            latest, chosen = newest[0].data.tags[tag], (done or newest)[0].data.tags[tag]
            if latest != chosen:
                log.warning("--sweep latest: of %s nothing has finished yet, so it is %s", latest, chosen)
            return f"tags.`{tag}` = '{chosen}'"
        raise UsageError("--sweep latest: there are no sweeps; `-m` makes one")
    for tag in (Tag.SWEEP, Tag.PARENT):
        if _newest(client, where, clause := f"tags.`{tag}` = '{wanted}'", 1):
            return clause
    known = dict.fromkeys(
        run.data.tags[Tag.SWEEP] for run in _newest(client, where, f"tags.`{Tag.SWEEP}` LIKE '%'", 200)
    )
    there = ", ".join([*known][:SHOWN]) or "none"
    raise UsageError(f"--sweep {wanted}: there is no such sweep; the newest: {there}; or `latest`")


def _reused(
    client: MlflowClient, where: list[str], names: dict[str, str], runs: Sequence[StoredRun], matching: str
) -> Iterator[StoredRun]:
    """What a sweep has found done before: runs that its parent names, and that are not its children."""
    parents = {run.run_id: dict(run.tags) for run in runs if run.is_sweep}
    for key in {run.tags[Tag.PARENT] for run in runs if Tag.PARENT in run.tags} - set(parents):
        with contextlib.suppress(MlflowException):
            parents[key] = dict(client.get_run(key).data.tags)
    for key, tags in parents.items():
        said = tags.get(Tag.SWEEP_REUSES, "")
        if said == f"@{File.REUSES}":
            with tempfile.TemporaryDirectory() as folder, contextlib.suppress(MlflowException, OSError, ValueError):
                listed = json.loads(Path(client.download_artifacts(key, File.REUSES, folder)).read_text())
                said = ",".join(str(one) for one in listed)
        ids = [one for one in said.split(",") if re.fullmatch(r"[0-9a-f]{32}", one)]
        for start in range(0, len(ids), AT_ONCE):
            listed = ", ".join(f"'{one}'" for one in ids[start : start + AT_ONCE])
            text = " AND ".join([*([matching] if matching else []), f"attributes.run_id IN ({listed})"])
            yield from _search(client, where, names, text)


def _newest(client: MlflowClient, where: list[str], text: str, count: int) -> list[Run]:
    if not where:
        return []
    return list(client.search_runs(where, text, max_results=count, order_by=["attributes.start_time DESC"]))
