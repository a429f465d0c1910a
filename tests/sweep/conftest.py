"""What the tests of sweeps share."""

from __future__ import annotations

from tests.chaos.conftest import new_store

__all__ = ["new_store"]
