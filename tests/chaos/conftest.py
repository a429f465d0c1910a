"""What the chaos tests share."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import stores


@pytest.fixture(scope="session")
def new_store(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Puts a ready SQLite store into a folder, which is then the scripts'; to make one takes two seconds."""
    template = tmp_path_factory.mktemp("template")
    stores.client(template).search_experiments()

    def put(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(template / "mlflow.db", folder / "mlflow.db")
        with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
            database.execute("UPDATE experiments SET artifact_location = ?", (str(folder / "artifacts"),))
        return folder

    return put
