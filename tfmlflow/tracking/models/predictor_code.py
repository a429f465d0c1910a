"""The predictor's own code, as it goes into the folder of a stored model."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from tfmlflow import predictor

CODE = "code"  # folder of a stored model


def copy(folder: Path) -> str:
    """Put it there; its name has a digest, so that models of two versions load side by side.

    Returns:
        The name of the module.
    """
    here = Path(predictor.__file__).parent
    files = sorted(here.glob("*.py"))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]
    name = f"tfmlflow_predictor_{digest}"
    (folder / name).mkdir(parents=True)
    for file in files:
        shutil.copyfile(file, folder / name / file.name)
    return name
