"""Whether a file is a SQLite database: said before anything waits for it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

HEADER = b"SQLite format 3\x00"


def problem(uri: str) -> str | None:
    """What is wrong with the file of a `sqlite:///` address; None if nothing is, or it is not there yet."""
    file = Path(uri.removeprefix("sqlite:///").split("?")[0])
    try:
        with file.open("rb") as stream:
            begin = stream.read(len(HEADER))
        if begin and begin != HEADER:
            return "it is no SQLite database; give another file, or move this one away"
        if begin:
            address = f"{file.resolve().as_uri()}?mode=ro"
            with contextlib.closing(sqlite3.connect(address, uri=True, timeout=2)) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except IsADirectoryError:
        return "it is a folder"
    except sqlite3.OperationalError:  # locked, or a disk that does not answer: not the file's fault
        return None
    except sqlite3.DatabaseError as error:
        return f"the database is damaged ({error}); `sqlite3 {file} .recover` may save what is in it"
    except OSError:
        return None
    return None
