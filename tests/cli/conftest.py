"""The store that tests of reading share."""

from __future__ import annotations

import pytest

from tests.analysis import fixtures


@pytest.fixture(scope="session")
def store() -> fixtures.Store:
    """Made once a process."""
    return fixtures.made()
