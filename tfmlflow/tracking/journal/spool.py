"""The spool: the folder on this machine in which every run has a folder of its own until the store has all of it."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from tfmlflow import whole_file
from tfmlflow.errors import UsageError
from tfmlflow.tracking.journal.run_folder import RunFolder

log = logging.getLogger(__name__)

VARIABLE = "TFMLFLOW_SPOOL"
ROOM = 64 * 1024  # bytes without which there is no point in beginning
KEPT = 24 * 3600.0  # seconds that the journal of a delivered run is kept
NEW = '{"new": true}'  # a cursor before anything was delivered
OURS = re.compile(r"runs|shipper.*|sweep-.*|tmp.*")  # names in a spool


class Spool:
    """The folder `root`, for its owner's eyes alone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._stores: dict[str, str] = {}  # whose a run is, by its name

    @classmethod
    def here(cls) -> Spool:
        """$TFMLFLOW_SPOOL, else the user's state folder; one in the temporary folder if that cannot be written."""
        spool = cls.chosen()
        try:
            return spool.ready()
        except OSError as error:
            return spool.instead(error)

    @classmethod
    def chosen(cls) -> Spool:
        """The one that there should be, whether or not it can be written."""
        chosen = os.environ.get(VARIABLE)
        return cls(Path(chosen).absolute() if chosen else platformdirs.user_state_path("tfmlflow") / "spool")

    @classmethod
    def all(cls) -> list[Spool]:
        """Those in which runs may lie: the chosen one, and that in the temporary folder if there are runs in it.

        They are looked at, neither made nor written to: trainings may have found another disk, or rights of others.

        Raises:
            UsageError: The chosen one cannot be read, and there is no other.
        """
        chosen, other = cls.chosen(), cls.temporary()
        there = [other] if other.root != chosen.root and other.problem is None and any(other.runs()) else []
        if chosen.problem is None:
            return [chosen, *there]
        if not there:
            raise UsageError(
                f"the spool {chosen.root} cannot be read ({chosen.problem}); set {VARIABLE} to a folder of yours"
            )
        log.warning("the spool %s cannot be read (%s); looking at %s alone", chosen.root, chosen.problem, other.root)
        return there

    @classmethod
    def temporary(cls) -> Spool:
        """The one of this user in the temporary folder, where trainings go whose own cannot be written."""
        user = os.getuid() if sys.platform != "win32" else os.environ.get("USERNAME", "")
        return cls(Path(tempfile.gettempdir()) / f"tfmlflow-spool-{user}")

    @property
    def problem(self) -> str | None:
        """Why it cannot be read as this user's; None: it can, or there is none yet."""
        try:
            found = self.root.lstat() if self.root == self.temporary().root else self.root.stat()
            if not stat.S_ISDIR(found.st_mode):
                return "it is no folder"
            if sys.platform != "win32" and found.st_uid != os.getuid():
                return "it belongs to somebody else"
            any(self.runs())
        except FileNotFoundError:
            return None
        except OSError as error:
            return error.strerror or str(error)
        return None

    def instead(self, error: OSError) -> Spool:
        """One in the temporary folder, since this one cannot be written.

        Raises:
            OSError: That cannot be written either.
        """
        spool = self.temporary()
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
        runs = self.root / "runs"
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.root.stat().st_uid != os.getuid() if sys.platform != "win32" else False:
            raise PermissionError(13, "belongs to somebody else", str(self.root))
        only_ours = all(OURS.fullmatch(entry.name) for entry in self.root.iterdir())
        (self.root if only_ours else runs).chmod(0o700)  # a folder with other things in it is not ours to close
        with tempfile.NamedTemporaryFile(dir=self.root) as probe:
            probe.write(os.urandom(ROOM))
        return self

    def open(self, key: str, uri: str, lost: bool = False) -> RunFolder:
        """The folder for the run `key` of the store `uri`, made if it is not there.

        Args:
            key: The run's id, or a local one: 32 hexadecimal digits, other characters are replaced.
            uri: Of the store.
            lost: There was one before, which somebody has deleted.
        """
        name = re.sub(r"[^0-9A-Za-z-]", "_", key)[:100] or "unnamed"
        folder = RunFolder(self.root / "runs" / name)
        folder.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not folder.path.exists():
            folder.path.mkdir(mode=0o700, exist_ok=True)
            if not lost:
                whole_file.write(folder.cursor, NEW, durable=False)  # so that one that is missing was lost
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
            if path.is_dir() and (wanted is None or self._store_of(folder) == wanted):
                yield folder

    def _store_of(self, folder: RunFolder) -> str | None:
        """Whose a run is, as it says when it begins; where that is damaged, as the folder says."""
        if folder.key not in self._stores:
            begin = folder.begin()
            if begin is not None:
                self._stores[folder.key] = identity(begin.uri)
            else:
                try:
                    return folder.store.read_text()
                except (OSError, ValueError):
                    return None
        return self._stores[folder.key]

    def clean(self) -> None:
        """Delete what was delivered whole a day ago, or dropped by a person."""
        for folder in self.runs():
            if folder.dropped or (folder.delivered and time.time() - _age(folder.path / "delivered") > KEPT):
                folder.remove()


def identity(uri: str) -> str:
    """A store's address as a name; the login is not part of it, so that `sync` finds it whoever asks."""
    return hashlib.sha256(re.sub(r"(?<=://)[^/@\s]+@", "", uri).encode()).hexdigest()[:16]


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
