"""Texts, figures, tables, pictures and files of a run, as they are when they are given."""

from __future__ import annotations

import functools
import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfmlflow.tracking.recording import media
from tfmlflow.tracking.recording.guard import Troubles, guarded
from tfmlflow.tracking.run.session import Session

TABLES = "mlflow.loggedArtifacts"  # tag by which MLflow's pages know of tables


class RunFiles:
    """Makes files and sends them; none of it fails whoever gives them.

    Args:
        session: The run.
    """

    def __init__(self, session: Session) -> None:
        self.session, self._troubles = session, Troubles(session.missing)
        self._made = itertools.count(1)
        self._tables = _listed((session.opened.tags or {}).get(TABLES, "[]"))

    def trouble(self, where: str, error: Exception) -> None:
        """Something went wrong in here: said once, noted in the run; the loop goes on."""
        self._troubles.note(where, error)

    @guarded
    def log_text(self, text: str, artifact_file: str) -> None:
        """Store a text as the file `artifact_file`."""
        path = Path(artifact_file)
        self.session.text(path.name, text, _folder(path))

    @guarded
    def log_figure(self, figure: Any, artifact_file: str) -> None:
        """Store a figure of matplotlib (`.png`, `.pdf`, `.svg`) or plotly (`.html`, `.json`)."""
        self._store(artifact_file, lambda file: media.figure(figure, file))

    @guarded
    def log_table(self, data: Any, artifact_file: str) -> None:
        """Store columns by name, or a DataFrame, as a table that MLflow compares between runs.

        Args:
            data: `{"text": ["a", "b"], "label": [0, 1]}`, or a DataFrame.
            artifact_file: Its name, ending in `.json`; one of that name is replaced.
        """
        self._store(artifact_file, lambda file: media.table(data, file))
        if (table := {"path": artifact_file, "type": "table"}) not in self._tables:
            self._tables.append(table)
        self.session.tags({TABLES: json.dumps(self._tables)})

    @guarded
    def log_image(self, image: Any, key: str, step: int = 0) -> None:
        """Store a picture that MLflow shows by step, next to those of other runs.

        Args:
            image: `(height, width)` or `(height, width, channels)`, uint8 or float in [0, 1]; or a picture of Pillow's.
            key: What it shows; the same at each step.
            step: Of the training.
        """
        media.log_image(self.session, image, key, step)

    @guarded
    def log_artifact(self, path: str | Path, artifact_path: str = "") -> None:
        """Store a copy of a file, or of a folder's files, as they are now.

        Args:
            path: Of the file or folder.
            artifact_path: Folder in the run.
        """
        source = Path(path)
        if not source.exists():
            raise FileNotFoundError(f"{path} does not exist")
        for file in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if file.is_file():
                inside = file.parent.relative_to(source.parent).as_posix() if source.is_dir() else ""
                folder = "/".join(part for part in (artifact_path, inside) if part not in ("", "."))
                self._store(f"{folder}/{file.name}".lstrip("/"), functools.partial(shutil.copyfile, file))

    def _store(self, artifact_file: str, write: Callable[[Path], Any]) -> None:
        """Let `write` make the file, out of the way of others of its name, and send it."""
        path = Path(artifact_file)
        folder = self.session.staging / f"made-{next(self._made)}"
        folder.mkdir(mode=0o700, parents=True)
        write(folder / path.name)
        self.session.artifact(folder / path.name, _folder(path))


def _folder(path: Path) -> str:
    return "" if path.parent == Path() else path.parent.as_posix()


def _listed(tag: str) -> list[dict[str, str]]:
    """The tables that the run has already."""
    try:
        found = json.loads(tag)
    except ValueError:
        return []
    return found if isinstance(found, list) else []
