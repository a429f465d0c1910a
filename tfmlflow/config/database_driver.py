"""Whether what a database is spoken to by is installed: a store that never answers for want of it is told at once."""

from __future__ import annotations

DRIVERS = {  # that people have, as SQLAlchemy calls them
    "postgresql": ("psycopg2", "psycopg", "pg8000"),
    "mysql": ("pymysql", "mysqldb", "mysqlconnector"),
    "mssql": ("pyodbc", "pymssql"),
}
PACKAGES = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}


def problem(uri: str) -> str | None:
    """What is missing for an address such as `postgresql://…` or `mysql+pymysql://…`; None if nothing is."""
    kind = uri.partition("://")[0].partition("+")[0]
    if kind not in DRIVERS or (missing := _missing(uri)) is None:
        return None
    there = [name for name in DRIVERS[kind] if _missing(f"{kind}+{name}://h/x") is None]
    fix = f"pip install '{PACKAGES.get(missing, missing)}'"
    if there:
        fix = f"write {kind}+{there[0]}://…, whose driver is installed, or {fix}"
    return f"the driver of this database, {missing}, is not installed; {fix}"


def _missing(uri: str) -> str | None:
    """The module that SQLAlchemy does not find, which MLflow will ask; it connects to nothing yet."""
    from sqlalchemy import create_engine

    try:
        create_engine(uri)
    except ImportError as error:
        return error.name
    except Exception:  # another fault, which whoever opens the store says
        return None
    return None
