"""The one attempt to open a run in the store before the training starts: bounded, and not needed for training."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.tracking.context.registry import resolve_tags

from tfmlflow.errors import UsageError
from tfmlflow.masking import masked_text
from tfmlflow.tracking.run import checkpoint_index
from tfmlflow.tracking.run.checkpoint_index import Entry
from tfmlflow.tracking.store import names, retry, store
from tfmlflow.tracking.store.requests import DELIVERING
from tfmlflow.tracking.store.saved_view import SavedView
from tfmlflow.vocabulary import Tag

BOUND = 5.0  # seconds for a server
LOCAL_BOUND = 90.0  # seconds for a database file, which may have to be made


@dataclass(frozen=True)
class Opened:
    """What came of the attempt.

    Attributes:
        run_id, experiment_id: None if the store was away; the shipper creates the run later.
        away: Why, or None.
        tags: That the run had before, if it was there.
        viewed: Whether the experiment has a view of all its runs.
    """

    run_id: str | None = None
    experiment_id: str | None = None
    away: str | None = None
    tags: Mapping[str, str] | None = None
    viewed: bool = False

    @property
    def attempts(self) -> int:
        """How many times the run was begun before."""
        return int((self.tags or {}).get(Tag.ATTEMPT, 0))


def create(
    uri: str,
    experiment: str,
    name: str,
    tags: Mapping[str, str],
    local_id: str,
    beside: str | None = None,
    experiment_id: str | None = None,
    view: SavedView | None = None,
) -> Opened:
    """Create a run.

    Args:
        uri: Absolute.
        experiment: Name of its experiment, made if it is not there.
        name, tags: Of the run, as of `complete`.
        local_id: By which the shipper finds the run should we not learn of its creation.
        beside: A run whose experiment is to be used instead.
        experiment_id: Id of the experiment, if it is known.
        view: Of the experiment's page, saved with its first run.

    Raises:
        UsageError: The store answers, and refuses.
    """

    def attempt() -> Opened:
        store.reach(uri)
        with store.initialization_lock(uri):
            client = MlflowClient(uri)
            if beside is not None:
                where = str(client.get_run(beside).info.experiment_id)
            else:
                where = experiment_id or store.experiment_id(client, experiment)
        run = client.create_run(where, tags={**tags, Tag.LOCAL_ID: local_id}, run_name=name or None)
        return Opened(retry.answered(run.info.run_id), where, viewed=_viewed(client, where, view))

    return _bounded(uri, attempt)


def _viewed(client: MlflowClient, experiment_id: str, view: SavedView | None) -> bool:
    try:
        if view is not None:
            view.save_once(client, experiment_id)
        return view is not None
    except Exception:  # a store that does not take it has none
        return False


def adopt(uri: str, run_id: str, name: str | None = None) -> Opened:
    """Go on in a run that is there, under a new name if one is given.

    Raises:
        UsageError: The store answers, and there is no such run.
    """

    def attempt() -> Opened:
        store.reach(uri)
        client = MlflowClient(uri)
        client.update_run(run_id, status="RUNNING", name=name)
        run = client.get_run(run_id)
        retry.answered(run.info.run_id)
        return Opened(run_id, str(run.info.experiment_id), tags=dict(run.data.tags))

    found = _bounded(uri, attempt)
    return Opened(run_id, away=found.away) if found.away else found


def mark_incomplete(uri: str, run_id: str) -> Mapping[str, str] | None:
    """Say in a run that is not ours to end that it is not complete, until it is: its owner may end it before.

    A store that is away is told by the shipper.

    Returns:
        The tags that the run has; None from a store that is away.
    """

    def attempt() -> Opened:
        store.reach(uri)
        client = MlflowClient(uri)
        tags = dict(client.get_run(run_id).data.tags)
        client.set_tag(run_id, Tag.INCOMPLETE, DELIVERING)
        return Opened(run_id, tags=tags)

    with contextlib.suppress(UsageError):
        return _bounded(uri, attempt).tags
    return None


def checkpoints(uri: str, opened: Opened) -> list[Entry]:
    """Those that the run has already; none of which the store cannot tell in time."""
    read: list[str] = []

    def artifact(path: str) -> str | None:
        def attempt() -> Opened:
            with tempfile.TemporaryDirectory() as folder:
                file = MlflowClient(uri).download_artifacts(str(opened.run_id), path, folder)
                read.append(Path(file).read_text())
            return opened

        with contextlib.suppress(UsageError):
            _bounded(uri, attempt)
        return read[0] if read else None

    return checkpoint_index.known(opened.tags or {}, artifact)


def complete(tags: Mapping[str, str]) -> dict[str, str]:
    """With MLflow's own tags (user, source, commit) and those of plugins."""
    return {key: names.text(str(value)) for key, value in resolve_tags(dict(tags)).items()}


@contextmanager
def hurried(seconds: int = 4) -> Iterator[None]:
    """MLflow's requests of this process give up after `seconds`, here."""
    settings = {"MLFLOW_HTTP_REQUEST_TIMEOUT": str(seconds), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _bounded(uri: str, attempt: Callable[[], Opened]) -> Opened:
    """What `attempt` returns, or that the store was away: nothing takes longer than the bound.

    Raises:
        UsageError: The store answers, and refuses.
    """
    results: list[Opened | Exception] = []

    def work() -> None:
        try:
            results.append(attempt())
        except Exception as error:
            results.append(error)

    bound = BOUND if uri.startswith("http") else LOCAL_BOUND
    with hurried():
        thread = threading.Thread(target=work, name="tfmlflow-opening", daemon=True)
        thread.start()
        thread.join(bound)
    if not results:
        return Opened(away=f"no answer from {store.shown(uri)} within {bound:.0f} s")
    (result,) = results
    if isinstance(result, Opened):
        return result
    refused = isinstance(result, MlflowException) and (
        not retry.passing(result) or result.get_http_status_code() in retry.UNKNOWN
    )
    if isinstance(result, UsageError):
        raise result
    if refused:
        raise UsageError(f"tracking.uri={store.shown(uri)}: {masked_text(str(result).splitlines()[0])}") from result
    return Opened(away=retry.reason(result))
