"""The spool: the folder on this machine in which every run has a folder of its own until the store has all of it."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from tfmlflow import whole_file

log = logging.getLogger(__name__)

VARIABLE = "TFMLFLOW_SPOOL"
ROOM = 64 * 1024  # bytes without which there is no point in beginning
KEPT = 24 * 3600.0  # seconds that the journal of a delivered run is kept


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run. Its name is made here, never taken from what a user or a store says."""

    path: Path

    @property
    def key(self) -> str:
        """The run's name in the spool."""
        return self.path.name

    @property
    def journal(self) -> Path:
        """What the training says."""
        return self.path / "journal"

    @property
    def system(self) -> Path:
        """What the shipper measures of the trainer."""
        return self.path / "system"

    @property
    def cursor(self) -> Path:
        """How far the shipper has delivered."""
        return self.path / "cursor"

    @property
    def files(self) -> Path:
        """Files that wait for delivery."""
        return self.path / "files"

    @property
    def store(self) -> Path:
        """Hash of the store's address: whose shipper delivers this."""
        return self.path / "store"

    @property
    def closing(self) -> Path:
        """There while a trainer waits for the rest of its run to be delivered."""
        return self.path / "closing"

    @property
    def delivered(self) -> bool:
        """Whether the store has everything, the journal as long as it is now."""
        try:
            return int((self.path / "delivered").read_text()) == self.journal.stat().st_size
        except (OSError, ValueError):
            return False

    def mark_delivered(self, length: int) -> None:
        """The store has the first `length` bytes of the journal; it stays for a day."""
        whole_file.write(self.path / "delivered", str(length))


class Spool:
    """The folder `root`, for its owner's eyes alone."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def here(cls) -> Spool:
        """$TFMLFLOW_SPOOL, else the user's state folder; one in the temporary folder if that cannot be written."""
        chosen = os.environ.get(VARIABLE)
        spool = cls(Path(chosen).absolute() if chosen else platformdirs.user_state_path("tfmlflow") / "spool")
        try:
            return spool.ready()
        except OSError as error:
            return spool.instead(error)

    def instead(self, error: OSError) -> Spool:
        """One in the temporary folder, since this one cannot be written.

        Raises:
            OSError: That cannot be written either.
        """
        user = os.getuid() if sys.platform != "win32" else os.environ.get("USERNAME", "")
        spool = Spool(Path(tempfile.gettempdir()) / f"tfmlflow-spool-{user}")
        log.warning(
            "the spool %s cannot be written (%s); using %s. Set %s to a folder of yours",
            *(self.root, error.strerror, spool.root, VARIABLE),
        )
        return spool.ready()

    def ready(self) -> Spool:
        """Make the folder, for its owner alone.

        Raises:
            OSError: It cannot be written.
        """
        (self.root / "runs").mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.root.stat().st_uid != os.getuid() if sys.platform != "win32" else False:
            raise PermissionError(13, "belongs to somebody else", str(self.root))
        self.root.chmod(0o700)
        with tempfile.NamedTemporaryFile(dir=self.root) as probe:
            probe.write(os.urandom(ROOM))
        return self

    def open(self, key: str, uri: str) -> RunFolder:
        """The folder for the run `key` of the store `uri`, made if it is not there.

        Args:
            key: The run's id, or a local one: 32 hexadecimal digits, other characters are replaced.
        """
        name = re.sub(r"[^0-9A-Za-z-]", "_", key)[:100] or "unnamed"
        folder = RunFolder(self.root / "runs" / name)
        folder.path.mkdir(mode=0o700, exist_ok=True)
        folder.files.mkdir(mode=0o700, exist_ok=True)
        whole_file.write(folder.store, identity(uri))
        return folder

    def runs(self, uri: str | None = None) -> Iterator[RunFolder]:
        """The folders of all runs, or those of one store; oldest first."""
        wanted = identity(uri) if uri is not None else None
        try:
            entries = sorted((self.root / "runs").iterdir(), key=_age)
        except FileNotFoundError:
            return
        for path in entries:
            folder = RunFolder(path)
            try:
                if wanted is None or folder.store.read_text() == wanted:
                    yield folder
            except OSError:
                continue  # being made, or being deleted

    def clean(self) -> None:
        """Delete what was delivered a day ago."""
        for folder in self.runs():
            if folder.delivered and time.time() - _age(folder.path / "delivered") > KEPT:
                shutil.rmtree(folder.path, ignore_errors=True)


def identity(uri: str) -> str:
    """A store's address as a name; the login is not part of it, so that `sync` finds it whoever asks."""
    return hashlib.sha256(re.sub(r"(?<=://)[^/@\s]+@", "", uri).encode()).hexdigest()[:16]


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
