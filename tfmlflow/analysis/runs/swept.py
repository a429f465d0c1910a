"""Which runs belong to a sweep."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from tfmlflow.analysis.runs.stored_run import StoredRun
from tfmlflow.errors import UsageError
from tfmlflow.vocabulary import File, Tag

log = logging.getLogger(__name__)

LATEST = "latest"
AT_ONCE = 200  # run ids in a question
SHOWN = 8  # names in a message


def clause(client: MlflowClient, where: list[str], wanted: str) -> str:
    """What chooses the children of a sweep, in MLflow's search language.

    Args:
        client: Of the store.
        where: Ids of experiments.
        wanted: Id of the sweep, of its parent run, or `latest`.

    Raises:
        UsageError: There is no such sweep.
    """
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


def reused(client: MlflowClient, runs: Sequence[StoredRun]) -> Iterator[str]:
    """What a sweep has found done before: clauses for runs that its parent names, and that are not its children."""
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
            yield f"attributes.run_id IN ({listed})"


def _newest(client: MlflowClient, where: list[str], text: str, count: int) -> list[Run]:
    if not where:
        return []
    return list(client.search_runs(where, text, max_results=count, order_by=["attributes.start_time DESC"]))
