"""Whether what a database is spoken to by is installed: a store that never answers for want of it is told at once."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

DRIVERS = {  # of SQLAlchemy: the module of each
    "postgresql": {"psycopg": "psycopg", "psycopg2": "psycopg2", "pg8000": "pg8000"},
    "mysql": {"mysqldb": "MySQLdb", "pymysql": "pymysql", "mysqlconnector": "mysql", "mariadbconnector": "mariadb"},
    "mssql": {"pyodbc": "pyodbc", "pymssql": "pymssql"},
}
PACKAGES = {
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
    "mysql": "mysql-connector-python",
}


def problem(uri: str) -> str | None:
    """What is missing for an address such as `postgresql://…` or `mysql+pymysql://…`; None if nothing is."""
    kind, _, named = uri.partition("://")[0].partition("+")
    known = DRIVERS.get(kind)
    if known is None:
        return None
    module = known.get(named or _default(kind))
    if module is None or _is_installed(module):  # of others their dialect knows
        return None
    there = [name for name, other in known.items() if _is_installed(other)]
    fix = f"pip install '{PACKAGES.get(module, module)}'"
    if there:
        fix = f"write {kind}+{there[0]}://…, whose driver is installed, or {fix}"
    return f"the driver of this database, {module}, is not installed; {fix}"


def _default(kind: str) -> str:
    """What SQLAlchemy takes where an address names none; of PostgreSQL another one since 2.1."""
    if kind != "postgresql":
        return next(iter(DRIVERS[kind]))
    try:
        major, minor = version("sqlalchemy").split(".")[:2]
        return "psycopg" if (int(major), int(minor)) >= (2, 1) else "psycopg2"
    except (PackageNotFoundError, ValueError):
        return ""


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
