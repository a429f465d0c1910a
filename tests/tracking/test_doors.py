"""Where a database is knocked at before MLflow asks it: only where it surely is."""

from __future__ import annotations

import pytest

from tfmlflow.tracking.store import store


@pytest.mark.parametrize(
    ("uri", "door"),
    [
        ("postgresql+psycopg2://me:pw@h:5433/x", ("h", 5433)),
        ("postgresql://me@h/x", ("h", 5432)),
        ("mysql+pymysql://me:pw@h/x", ("h", 3306)),
        ("mysql+pymysql://me:pw@localhost/x", None),  # a socket
        ("postgresql:///x", None),
        ("postgresql://h1,h2/x", None),
        ("postgresql://h/x?host=/run/postgresql", None),
        ("mssql+pyodbc://me:pw@mydsn", None),
        ("mssql+pymssql://me:pw@h:1433/x", ("h", 1433)),
        ("postgresql://me:12/sec#ret@h:5433/x", ("h", 5433)),  # a password with signs of an address
        ("sqlite:///x.db", None),
        ("nonsense", None),
    ],
)
def test_only_what_is_surely_there_is_knocked_at(
    monkeypatch: pytest.MonkeyPatch, uri: str, door: tuple[str, int] | None
) -> None:
    for name in store.ELSEWHERE:
        monkeypatch.delenv(name, raising=False)
    assert store._database_door(uri) == door
    monkeypatch.setenv("PGPORT", "6000")
    if uri == "postgresql://me@h/x":
        assert store._database_door(uri) is None
