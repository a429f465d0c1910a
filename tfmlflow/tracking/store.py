"""The MLflow store: which one, made ready once, and the run in it."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.tracking.context.registry import resolve_tags

from tfmlflow.errors import UsageError
from tfmlflow.tracking.secrets import masked

CONNECT_TIMEOUT = 5.0  # seconds


@dataclass(frozen=True)
class Store:
    """A store that answers, and the experiment in it.

    Attributes:
        uri: Absolute, so that a later change of folder does not change the store.
        client: Talks to it.
        experiment_id: Where runs go.
    """

    uri: str
    client: MlflowClient
    experiment_id: str

    @classmethod
    def open(cls, uri: str | None, experiment: str, beside: str | None = None) -> Store:
        """Make the store ready: reach it, initialize a new one under a lock, find or create the experiment.

        Args:
            uri: As `tracking.uri`.
            experiment: Name of the experiment.
            beside: A run whose experiment is to be used instead.

        Raises:
            UsageError: The store does not answer, the experiment was deleted, or there is no run `beside`.
        """
        uri = absolute(uri)
        reach(uri)
        with initialization_lock(uri):
            client = MlflowClient(uri)
            try:
                if beside is not None:
                    return cls(uri, client, str(client.get_run(beside).info.experiment_id))
                return cls(uri, client, _experiment(client, experiment))
            except MlflowException as error:
                raise UsageError(f"tracking.uri={masked('uri', uri)}: {str(error).splitlines()[0]}") from error

    @property
    def shown_uri(self) -> str:
        """The address without a login in it."""
        return str(masked("uri", self.uri))

    def create_run(self, name: str, tags: Mapping[str, str]) -> str:
        """A new run's id, with MLflow's own tags (user, source, commit) and those of plugins."""
        run = self.client.create_run(self.experiment_id, tags=resolve_tags(dict(tags)), run_name=name)
        return str(run.info.run_id)

    def adopt_run(self, run_id: str, name: str, tags: Mapping[str, str]) -> str:
        """Go on in a run that somebody else has opened, such as `mlflow run`."""
        self.client.update_run(run_id, status="RUNNING", name=name)
        for key, value in tags.items():
            self.client.set_tag(run_id, key, value)
        return run_id

    def address(self, run_id: str) -> str:
        """Where a person finds the run: a link, and for a database the command that makes it work.

        Without `workflowType` the page opens in MLflow's mode for language models.
        """
        page = f"#/experiments/{self.experiment_id}/runs/{run_id}?workflowType=machine_learning"
        if self.uri.startswith("http"):
            return f"{self.shown_uri.rstrip('/')}/{page}"
        here = self.uri == absolute("sqlite:///mlflow.db")
        command = "mlflow ui" if here else f"mlflow ui --backend-store-uri {self.shown_uri}"
        return f"{command}  and then  http://127.0.0.1:5000/{page}"


def absolute(uri: str | None) -> str:
    """The store that `tracking.uri` means: what it says, else $MLFLOW_TRACKING_URI, else mlflow.db in this folder."""
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    if uri.startswith("sqlite:///") and not uri.startswith("sqlite:////"):
        return f"sqlite:///{Path(uri.removeprefix('sqlite:///')).resolve()}"
    return uri


def reach(uri: str) -> None:
    """Refuse a server that nobody answers for; MLflow itself would try for four minutes."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https"):
        return
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=CONNECT_TIMEOUT).close()
    except OSError as error:
        raise UsageError(
            f"tracking.uri={masked('uri', uri)}: no server answers there ({error.strerror or error}); start one with "
            f"`mlflow server --port {port}`, or use tracking.uri=sqlite:///mlflow.db"
        ) from None


def initialization_lock(uri: str) -> FileLock:
    """One process at a time: of four that open a new SQLite store at once, three die in its schema migration."""
    name = hashlib.sha256(uri.encode()).hexdigest()[:16]
    user = os.getuid() if sys.platform != "win32" else os.environ.get("USERNAME", "")
    return FileLock(Path(tempfile.gettempdir()) / f"tfmlflow-{user}-{name}.lock", timeout=120)


def _experiment(client: MlflowClient, name: str) -> str:
    experiment: Any = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:  # another process was faster
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    if experiment.lifecycle_stage == "deleted":
        raise UsageError(
            f"tracking.experiment={name}: was deleted; restore it with "
            f"`mlflow experiments restore -x {experiment.experiment_id}` or use another name"
        )
    return str(experiment.experiment_id)
