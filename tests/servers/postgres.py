"""A private PostgreSQL, for stores that several processes write at once."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, Self

from tests.servers.ports import HOST, free_port
from tests.servers.process import ServerProcess, group_of

INITDB = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]


def binaries() -> Path | None:
    """The folder with `initdb` and `postgres`, the newest where the system has several."""
    if (found := shutil.which("initdb")) and shutil.which("postgres"):
        return Path(found).resolve().parent
    versions = glob.glob("/usr/lib/postgresql/*/bin/postgres")
    return Path(max(versions, key=lambda path: float(Path(path).parts[4]))).parent if versions else None


def unprivileged_user() -> str | None:
    """Who runs PostgreSQL, as it refuses to run as root; nobody else where this process is not root."""
    if os.getuid() != 0:
        return None
    return "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody"


class Postgres:
    """A cluster in `folder`, which its user must reach; listens on a free port of this machine alone."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        found = binaries()
        if found is None:
            raise FileNotFoundError("PostgreSQL is not installed")
        self._bin = found
        self._user = unprivileged_user()
        self._process: ServerProcess | None = None
        self.folder = folder
        self.port = port or free_port()
        self.uri = self._uri_of("postgres")

    def __enter__(self) -> Self:
        if self._user:
            shutil.chown(self.folder, self._user)
        done = subprocess.run(
            [str(self._bin / "initdb"), "--pgdata", str(self.folder / "data"), *INITDB],
            cwd=self.folder,
            user=self._user,
            group=group_of(self._user),
            extra_groups=[] if self._user else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"initdb as {self._user or 'this user'} in {self.folder}:\n{done.stderr}")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when it answers; after `stop` on the same port, with the same databases."""
        if self._process is not None:
            raise RuntimeError(f"already runs at {self.uri}")
        options = {"listen_addresses": HOST, "port": self.port, "unix_socket_directories": self.folder}
        quick = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        settings = (word for name, value in (options | quick).items() for word in ("-c", f"{name}={value}"))
        self._process = ServerProcess(
            [str(self._bin / "postgres"), "-D", str(self.folder / "data"), *settings],
            self.folder / "postgres.log",
            user=self._user,
            last_signal="QUIT",
        )
        self._process.wait_until(self._answers)

    def stop(self) -> None:
        """Ends open transactions and connections, keeps what was committed."""
        if self._process is not None:
            self._process.stop(signal.SIGINT)
            self._process = None

    def create_database(self, name: str) -> str:
        """A new empty database; returns its URI."""
        connection = self._connect()
        connection.autocommit = True
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}"')
        return self._uri_of(name)

    def _uri_of(self, database: str) -> str:
        # The driver is named, as SQLAlchemy 2.1 takes another one for a bare postgresql://
        return f"postgresql+psycopg2://postgres@{HOST}:{self.port}/{database}"

    def _connect(self) -> Any:
        import psycopg2  # here, as this module is loaded for every test

        return psycopg2.connect(host=HOST, port=self.port, user="postgres", dbname="postgres", connect_timeout=2)

    def _answers(self) -> bool:
        import psycopg2

        try:
            self._connect().close()
        except psycopg2.OperationalError:
            return False
        return True
