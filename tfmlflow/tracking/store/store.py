"""The MLflow store: which one it is, how a person finds a run in it, and what is needed before the first run."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from requests.utils import get_environ_proxies, select_proxy

from tfmlflow.config import database_driver, database_file
from tfmlflow.errors import UsageError
from tfmlflow.masking import masked

CONNECT_TIMEOUT = 2.0  # seconds
PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}  # of databases, where an address names none
ELSEWHERE = ("PGPORT", "PGHOSTADDR", "PGSERVICE", "MYSQL_TCP_PORT")  # by which their drivers find another


def absolute(uri: str | None) -> str:
    """The store that `tracking.uri` means: what it says, else $MLFLOW_TRACKING_URI, else mlflow.db in this folder."""
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    if uri.startswith("sqlite:///") and not uri.startswith("sqlite:////"):
        return f"sqlite:///{Path(uri.removeprefix('sqlite:///')).resolve()}"
    return uri


def shown(uri: str) -> str:
    """The address without a login in it."""
    return str(masked("uri", uri))


def address(uri: str, experiment_id: str, run_id: str) -> str:
    """Where a person finds the run: a link, and for a database the command that makes it work.

    Without `workflowType` the page opens in MLflow's mode for language models.
    """
    return page(uri, f"#/experiments/{experiment_id}/runs/{run_id}?workflowType=machine_learning")


def page(uri: str, path: str) -> str:
    """Where a person finds a page of the MLflow UI."""
    if uri.startswith("http"):
        parts = urlsplit(uri)
        there = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()  # a browser asks for the login itself
        return f"{shown(there).rstrip('/')}/{path}"
    here = uri == absolute("sqlite:///mlflow.db")
    command = "mlflow ui" if here else f"mlflow ui --backend-store-uri {shown(uri)}"
    return f"{command}  and then  http://127.0.0.1:5000/{path}"


def is_missing(uri: str) -> bool:
    """Whether it is a SQLite file that is not there; asking it would make it."""
    return uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///").split("?")[0]).is_file()


def reach(uri: str) -> None:
    """Knock at a server's door, or at that of the proxy on the way to it; MLflow itself would do so for four minutes.

    At that of a database too, for which MLflow would take two.

    Raises:
        ConnectionError: Nobody answers.
    """
    if (door := _database_door(uri)) is not None:
        _knock(uri, *door)
    if uri.partition("://")[0] not in ("http", "https"):
        return
    proxy = select_proxy(uri, get_environ_proxies(uri, no_proxy=None))  # as MLflow's requests choose it
    door_of = urlsplit(proxy if proxy and "://" in proxy else f"http://{proxy}" if proxy else uri)
    by = f" by the proxy {shown(proxy)}" if proxy else ""
    _knock(uri, door_of.hostname or "", door_of.port or (443 if door_of.scheme == "https" else 80), by)


def _knock(uri: str, host: str, port: int, by: str = "") -> None:
    try:
        socket.create_connection((host, port), timeout=CONNECT_TIMEOUT).close()
    except OSError as error:
        raise ConnectionError(f"no server answers at {shown(uri)}{by} ({error.strerror or error})") from None


def _database_door(uri: str) -> tuple[str, int] | None:
    """Host and port of a database that is surely asked for there; None where its driver decides otherwise.

    It may find a socket, several hosts, a named instance or another port by an address or the environment.
    """
    kind = uri.partition("://")[0].partition("+")[0]
    if kind not in PORTS:
        return None
    try:
        from sqlalchemy.engine import make_url  # which takes addresses apart as MLflow's does

        url = make_url(uri)
        host, port = url.host, url.port
    except Exception:  # wrong, which is said by whoever opens it; not here, where a password might be said with it
        return None
    if not host or "," in host or "\\" in host or "%" in host or url.query:
        return None
    if host == "localhost" and kind == "mysql":
        return None
    if port is None and (kind == "mssql" or any(os.environ.get(name) for name in ELSEWHERE)):
        return None
    return host, port or PORTS[kind]


def require(uri: str) -> None:
    """For a command that is nothing without its store.

    Raises:
        UsageError: Nobody answers, there is no such file, it is no database, or its driver is not installed.
    """
    if is_missing(uri):
        raise UsageError(f"tracking.uri={shown(uri)}: there is no such file; a training makes it")
    wrong = database_file.problem(uri) if uri.startswith("sqlite:///") else database_driver.problem(uri)
    if wrong:
        raise UsageError(f"tracking.uri={shown(uri)}: {wrong}")
    try:
        reach(uri)
    except ConnectionError as error:
        fix = "start one with `mlflow server`" if uri.startswith("http") else "start it, or name another store"
        raise UsageError(f"tracking.uri={shown(uri)}: {error}; {fix}") from None


@contextmanager
def initialization_lock(uri: str) -> Iterator[None]:
    """One process at a time: of four that open a new SQLite store at once, three die in its schema migration.

    Where no lock can be made (a temporary folder that is full) there is none.
    """
    name = hashlib.sha256(uri.encode()).hexdigest()[:16]
    user = os.getuid() if sys.platform != "win32" else os.environ.get("USERNAME", "")
    lock = FileLock(Path(tempfile.gettempdir()) / f"tfmlflow-{user}-{name}.lock", timeout=120)
    try:
        lock.acquire()
    except Timeout:
        raise
    except OSError:
        yield
        return
    try:
        yield
    finally:
        lock.release()


def experiment_id(client: MlflowClient, name: str) -> str:
    """Id of the experiment `name`, which is created if there is none.

    Raises:
        UsageError: It was deleted.
    """
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
