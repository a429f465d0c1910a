"""One store for all tests that read: making a database takes seconds."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlflow import MlflowClient

from tests import stores
from tests.analysis import stored


@dataclass(frozen=True)
class Store:
    """A SQLite store with the experiments of `stored.py`.

    Attributes:
        folder: That it is in.
        pair: Ids of the two runs of `two`.
    """

    folder: Path
    pair: list[str]

    @property
    def uri(self) -> str:
        """Its address."""
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    @property
    def client(self) -> MlflowClient:
        """Of the store."""
        return MlflowClient(self.uri)


@cache
def made() -> Store:
    """Made once a process; nothing writes to its runs."""
    folder = Path(tempfile.mkdtemp(prefix="tfmlflow-test-store-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    client = MlflowClient(stores.ready(folder))
    here = Path.cwd()
    os.chdir(folder)  # artifacts go beside it
    try:
        for make in (stored.sweep, stored.foreign, stored.hostile, stored.searched):
            make(client)
        return Store(folder, stored.two(client, folder))
    finally:
        os.chdir(here)
