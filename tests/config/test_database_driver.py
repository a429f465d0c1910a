"""The driver of a database: asked for before anything waits for a store that can never answer."""

from __future__ import annotations

import re

import pytest

from tfmlflow.config import database_driver


@pytest.mark.parametrize(
    ("uri", "installed", "said"),
    [
        ("postgresql://me@h/x", {"psycopg"}, None),
        ("postgresql://me@h/x", {"psycopg2"}, r"psycopg, is not installed; write postgresql\+psycopg2://…, "),
        ("postgresql://me@h/x", set(), r"psycopg, is not installed; pip install 'psycopg\[binary\]'"),
        ("postgresql+psycopg2://me@h/x", {"psycopg2"}, None),
        ("mysql+pymysql://me@h/x", {"MySQLdb"}, r"pymysql, is not installed; write mysql\+mysqldb://…, "),
        ("mysql+other://me@h/x", set(), None),  # a dialect that we don't know
        ("mysql+mariadbconnector://me@h/x", {"mariadb"}, None),
        ("sqlite:///mlflow.db", set(), None),
        ("http://h:5000", set(), None),
    ],
)
def test_a_driver_that_is_missing_is_named_and_one_that_is_there(
    monkeypatch: pytest.MonkeyPatch, uri: str, installed: set[str], said: str | None
) -> None:
    monkeypatch.setattr(database_driver, "find_spec", lambda name: name if name in installed else None)
    monkeypatch.setattr(database_driver, "version", lambda name: "2.1.9")
    problem = database_driver.problem(uri)
    if said is None:
        assert problem is None
    else:
        assert problem is not None
        assert re.search(said, problem), problem


@pytest.mark.parametrize(("version", "default"), [("2.0.41", "psycopg2"), ("1.4.54", "psycopg2"), ("2.1.0", "psycopg")])
def test_the_driver_of_an_address_that_names_none_is_sqlalchemys(
    monkeypatch: pytest.MonkeyPatch, version: str, default: str
) -> None:
    monkeypatch.setattr(database_driver, "version", lambda name: version)
    monkeypatch.setattr(database_driver, "find_spec", lambda name: name if name == default else None)
    assert database_driver.problem("postgresql://me@h/x") is None
