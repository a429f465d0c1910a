"""What makes two runs the same: resolved config, data files and code, whatever they are called and wherever they go."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

ELSEWHERE = ("tracking", "sweep", "hydra", "resume", "trusted")  # where a run goes, not what it is
WORDS = ("name", "_target_", "separator")  # settings of data that name no file, even where one is called so
READ = 64 * 2**20  # bytes of a file up to which its content counts, not its time
MOST = 100_000  # files of a folder or pattern, by name
WRITTEN = ("outputs", "multirun", "mlruns", "mlartifacts")  # folders that trainings make where they start
DATABASES = ("mlflow.db", "tfmlflow-sweeps.db")  # likewise, and files whose names begin so


def fingerprint(settings: Mapping[str, Any], code: str) -> str:
    """32 hexadecimal digits.

    Args:
        settings: The whole config, resolved; files under `data` are found from the working folder.
        code: Names the code: commit, and digest of what differs from it.
    """
    what = {key: value for key, value in settings.items() if key not in ELSEWHERE}
    if dict(what.get("compress", {})) == {"name": "none"}:  # a training is what it was before there was such a group
        del what["compress"]
    files = dict(_states(what.get("data")))
    content = json.dumps([what, code, files] if files else [what, code], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _states(value: Any) -> Iterator[tuple[str, str]]:
    """The state of every file, folder or pattern that a setting names."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in WORDS:
                yield from _states(inner)
    elif isinstance(value, str):
        with contextlib.suppress(OSError, ValueError):  # too long for a name, or gone meanwhile
            if state := _state(value):
                yield value, state
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _states(inner)


def _state(name: str) -> str:
    """Of what there is by that name; empty if it is nothing."""
    if not name or name == os.sep:
        return ""
    try:
        found = Path(name).stat()
    except FileNotFoundError:
        return _pattern(name, str(Path.cwd())) if glob.has_magic(name) else ""
    path = str(Path(name).absolute())
    if stat.S_ISREG(found.st_mode):
        return _file(path, found.st_size, found.st_mtime_ns)
    return _folder(path, found.st_mtime_ns) if stat.S_ISDIR(found.st_mode) else ""


@cache
def _file(path: str, size: int, changed: int) -> str:
    """Of a file, by its content; a large one by its size and time."""
    if size > READ:
        return f"{size} {changed}"
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def _folder(path: str, changed: int) -> str:
    """Of a folder, by names and sizes of what is in it; as this process has seen it first."""
    return _listed(islice(_below(Path(path)), MOST), Path(path))


@cache
def _pattern(name: str, cwd: str) -> str:
    """Of what a pattern fits, likewise; `cwd`: where it is looked for."""
    return _listed((Path(found) for found in sorted(glob.glob(name, recursive=True))[:MOST]), Path(cwd))


def _below(folder: Path) -> Iterator[Path]:
    """Files in a folder and below it, always in the same order; but what is hidden, or written by trainings."""
    here = Path.cwd()  # where trainings write, which may be the data's folder
    for place, folders, names in os.walk(folder):
        inner = [Path(place, name) for name in sorted(folders) if not name.startswith(".")]
        folders[:] = [each.name for each in inner if not (each.parent == here and each.name in WRITTEN) and _kept(each)]
        for file in (Path(place, name) for name in sorted(names) if not name.startswith(".")):
            if file.parent != here or not file.name.startswith(DATABASES):
                yield file


def _kept(folder: Path) -> bool:
    """Whether a folder is not that of a run or of a sweep."""
    return not ((folder / ".hydra").is_dir() or (folder / "sweep.json").is_file())


def _listed(files: Iterator[Path], start: Path) -> str:
    """Names, as from a folder, and sizes, as one; empty where there are no files."""
    made, count = hashlib.sha256(), 0
    for file in files:
        with contextlib.suppress(OSError):
            made.update(f"{os.path.relpath(file, start)}\0{file.stat().st_size}\0".encode("utf-8", "surrogateescape"))
            count += 1
    return f"{count} {made.hexdigest()}" if count else ""
