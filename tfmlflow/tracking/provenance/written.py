"""What trainings write into the folder that they start in, or where somebody tells them to: it is no code."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

from tfmlflow import whole_file
from tfmlflow.tracking.journal.spool import Spool
from tfmlflow.tracking.provenance.git import git

WRITTEN = ("outputs", "multirun", "mlruns", "mlartifacts", "*.db", "*.db-*")  # as git takes them
ANYWHERE = (".hydra", "mlruns", "mlartifacts")  # names of folders that are nobody's package
REPORTS = {"run.json": {"status", "run_id"}, "sweep.json": {"sweep", "source"}}  # by what they surely hold


class Written:
    """Tells what was written below a folder; each folder in it is looked at once.

    Args:
        folder: Of a program.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._spool = os.path.realpath(Spool.chosen().root)
        self._known = {PurePath(): False}  # jobs may lie in the folder itself, as code does

    def holds(self, name: str) -> bool:
        """Whether the file with this name, from the folder, is in what was written."""
        return any(map(self.is_written, PurePath(name).parents))

    def is_written(self, place: PurePath) -> bool:
        """Whether a folder below it is that of a run, of a sweep or of a store, or the spool."""
        if place not in self._known:
            self._known[place] = self._look(place)
        return self._known[place]

    def _look(self, place: PurePath) -> bool:
        if str(place) in WRITTEN or place.name in ANYWHERE:
            return True
        path = self._folder / place
        if (path / ".hydra").is_dir() or os.path.realpath(path) == self._spool:
            return True
        return any(whole_file.read(path / name).keys() >= keys for name, keys in REPORTS.items())


def new_files(folder: str, *but: str) -> list[str]:
    """Files below a folder that its repository does not know yet, as far as somebody has written them.

    Args:
        folder: In the repository; names are from there.
        but: What is left out too, as git takes it.
    """
    excluded = (*(f":(exclude){name}" for name in WRITTEN), *but)
    listed = git(folder, "ls-files", "--others", "--exclude-standard", "-z", "--", ".", *excluded)
    written = Written(folder)
    return [name for name in listed.split("\x00") if name and not written.holds(name)]
