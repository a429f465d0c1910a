"""Two runs side by side: settings, code, packages, data."""

from __future__ import annotations

import difflib
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tfmlflow.analysis.runs.stored_run import StoredRun
from tfmlflow.vocabulary import File

PATCHES, PACKAGES = (File.PATCH, File.PATCH_HERE), (File.PACKAGES, "environment/requirements.txt")
FILE = re.compile(r"^diff --git a/(.+?) b/", re.MULTILINE)
Two = tuple[str | None, str | None]


@dataclass(frozen=True)
class Pair:
    """What two runs do not share; None stands for what a run has not recorded.

    Attributes:
        first, second: The runs.
        params: By name, both values, of the params that differ.
        commits: With a `+` if files differed from it.
        data: Digests.
        packages: By name, both versions, of the packages that differ; None if not both runs have a list.
        patches: What the working trees differed by from their commits.
    """

    first: StoredRun
    second: StoredRun
    params: Mapping[str, Two]
    commits: Two
    data: Two
    packages: Mapping[str, Two] | None
    patches: Two

    @property
    def patched_files(self) -> dict[str, str]:
        """The files whose changes against the commit differ, and which run has changed them: first, second, both."""
        one, two = (_by_file(patch or "") for patch in self.patches)
        files = sorted(file for file in {*one, *two} if one.get(file) != two.get(file))
        return {file: "both" if file in one and file in two else "first" if file in one else "second" for file in files}

    @property
    def patch_lines(self) -> list[str]:
        """From the first run's patch to the second's, as a unified diff; empty if they are the same."""
        one, two = (patch or "" for patch in self.patches)
        return list(difflib.unified_diff(one.splitlines(), two.splitlines(), "first", "second", lineterm="", n=2))


def read(client: MlflowClient, first: StoredRun, second: StoredRun) -> Pair:
    """Set two runs side by side; their artifacts are read."""
    keys = sorted({*first.params, *second.params})
    params = {key: (first.params.get(key), second.params.get(key)) for key in keys}
    lists = [_packages(client, run) for run in (first, second)]
    packages = None
    if lists[0] is not None and lists[1] is not None:
        one, two = lists[0], lists[1]
        packages = {name: (one.get(name), two.get(name)) for name in sorted({*one, *two})}
    return Pair(
        first,
        second,
        _differing(params),
        (first.code or None, second.code or None),
        (first.digest or None, second.digest or None),
        None if packages is None else _differing(packages),
        (_patches(client, first), _patches(client, second)),
    )


def _patches(client: MlflowClient, run: StoredRun) -> str | None:
    """Of the program, and of the folder that it was started in."""
    texts = (_artifact(client, run, path) for path in PATCHES)
    return "".join(text for text in texts if text) or None


def _differing(both: Mapping[str, Two]) -> dict[str, Two]:
    return {key: values for key, values in both.items() if values[0] != values[1]}


def _packages(client: MlflowClient, run: StoredRun) -> dict[str, str] | None:
    for path in PACKAGES:
        text = _artifact(client, run, path)
        if text is not None:
            lines = (line.split("==", 1) for line in text.splitlines() if "==" in line)
            return {name.strip().lower(): version.strip() for name, version in lines}
    return None


def _by_file(patch: str) -> dict[str, str]:
    found = list(FILE.finditer(patch))
    ends = [*(file.start() for file in found[1:]), len(patch)]
    return {file[1]: patch[file.start() : ends[i]] for i, file in enumerate(found)}


def _artifact(client: MlflowClient, run: StoredRun, path: str) -> str | None:
    """Content of an artifact; None if it is not there."""
    folder, _, _ = path.rpartition("/")
    try:
        if path not in {entry.path for entry in client.list_artifacts(run.run_id, folder)}:
            return None
        with tempfile.TemporaryDirectory() as place:
            return Path(client.download_artifacts(run.run_id, path, place)).read_text(errors="replace")
    except (MlflowException, OSError):
        return None
