"""What the chaos tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import stores


@pytest.fixture(scope="session")
def new_store() -> Callable[[Path], Path]:
    """Puts a ready SQLite store into a folder, which is then the scripts'."""

    def put(folder: Path) -> Path:
        stores.ready(folder)
        return folder

    return put
