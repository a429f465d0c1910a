"""The same profile in a process of its own, with other overrides: TensorFlow takes its threads once for a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfmlflow.job.job import ADOPT, OUTPUT

FILE = Path("profile", "profile.json")


def profile(overrides: Sequence[str], folder: Path, quiet: bool = False) -> dict[str, Any] | None:
    """What a profile with `overrides` says.

    Args:
        overrides: Of the command; of several for one key, the last one counts.
        folder: Of the job.
        quiet: Print nothing, and leave no run in the store that the command names.

    Returns:
        The content of its profile.json; None if it failed.
    """
    environment = {key: value for key, value in os.environ.items() if key != ADOPT} | {OUTPUT: str(folder)}
    if quiet:
        folder.mkdir(parents=True, exist_ok=True)
        overrides = [*overrides, "tracking.uri=null"]  # the variable's, then
        environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    words = [word for word in last(overrides) if not word.startswith("hydra.run.dir=")]
    command = [sys.executable, "-m", "tfmlflow", "train", *words]
    output = subprocess.DEVNULL if quiet else None
    done = subprocess.run(command, check=False, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    file = folder / FILE
    return json.loads(file.read_text(encoding="utf-8")) if done.returncode == 0 and file.exists() else None


def last(overrides: Sequence[str]) -> list[str]:
    """The last override of each key, in order: a group is refused if it is chosen twice."""
    found: dict[str, str] = {}
    for word in overrides:
        key = word.partition("=")[0].lstrip("+")
        found.pop(key, None)
        found[key] = word
    return list(found.values())
