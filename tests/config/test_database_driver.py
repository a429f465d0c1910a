"""The driver of a database: asked for before anything waits for a store that can never answer."""

from __future__ import annotations

import re

import pytest
import sqlalchemy

from tfmlflow.config import database_driver

DEFAULT = {"postgresql": "psycopg", "mysql": "MySQLdb"}
MODULES = {"mysqldb": "MySQLdb"}


@pytest.mark.parametrize(
    ("uri", "installed", "said"),
    [
        ("postgresql://me@h/x", {"psycopg"}, None),
        ("postgresql://me@h/x", {"psycopg2"}, r"psycopg, is not installed; write postgresql\+psycopg2://…, "),
        ("postgresql://me@h/x", set(), r"psycopg, is not installed; pip install 'psycopg\[binary\]'"),
        ("postgresql+psycopg2://me@h/x", {"psycopg2"}, None),
        ("mysql+pymysql://me@h/x", {"MySQLdb"}, r"pymysql, is not installed; write mysql\+mysqldb://…, "),
        ("sqlite:///mlflow.db", set(), None),
        ("http://h:5000", set(), None),
    ],
)
def test_a_driver_that_is_missing_is_named_and_one_that_is_there(
    monkeypatch: pytest.MonkeyPatch, uri: str, installed: set[str], said: str | None
) -> None:
    def create_engine(asked: str) -> None:
        kind, _, driver = asked.partition("://")[0].partition("+")
        module = MODULES.get(driver, driver) or DEFAULT[kind]
        if module not in installed:
            raise ModuleNotFoundError(f"No module named '{module}'", name=module)

    monkeypatch.setattr(sqlalchemy, "create_engine", create_engine)
    problem = database_driver.problem(uri)
    if said is None:
        assert problem is None
    else:
        assert problem is not None
        assert re.search(said, problem), problem


@pytest.mark.parametrize("uri", ["postgresql+psycopg2://me@h/x", "mysql+nosuch://me@h/x", "postgresql://me@h:port/x"])
def test_sqlalchemy_itself_has_nothing_to_object_or_says_it_when_the_store_is_opened(uri: str) -> None:
    assert database_driver.problem(uri) is None


def test_sqlalchemy_itself_names_what_it_does_not_find() -> None:
    assert "mysql" in str(database_driver.problem("mysql+mysqlconnector://me@h/x"))
