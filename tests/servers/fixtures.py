"""Servers that the tests of one process share: real ones, started when first asked for."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.mlflow_server import MlflowServer
from tests.servers.postgres import Postgres, binaries


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL; in CI it must be there."""
    if binaries() is None:
        if os.environ.get("CI"):
            pytest.fail("no PostgreSQL is installed")
        pytest.skip("no PostgreSQL is installed")
    # Not below pytest's own folder: that one is closed to the user PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder, Postgres(Path(folder)) as running:
        yield running


@pytest.fixture(scope="session")
def sqlite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """An MLflow server over SQLite; who kills it starts it again."""
    folder = tmp_path_factory.mktemp("sqlite_server")
    with MlflowServer(folder, f"sqlite:///{folder / 'mlflow.db'}") as running:
        yield running


@pytest.fixture(scope="session")
def postgres_server(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """An MLflow server over PostgreSQL; who kills it starts it again."""
    folder = tmp_path_factory.mktemp("postgres_server")
    with MlflowServer(folder, postgres.create_database("mlflow")) as running:
        yield running
