"""The packages that a stored model needs, in the files that MLflow reads them from.

MLflow compares what is asked for with what is installed, and for that reads the list of files of every package there
is, which takes most of a second of each training. Ours are what is installed. A requirement that holds nowhere is not
looked at, so that is what MLflow is given, and the real ones are written in its place.
"""

from __future__ import annotations

from pathlib import Path

import mlflow
import yaml

from tfmlflow.tracking.provenance.provenance import requirements

NOWHERE = 'mlflow; python_version < "0"'


def pin(folder: Path, *names: str) -> None:
    """Write the versions of the named packages, and of MLflow, into the model that was saved in `folder`."""
    needed = requirements("mlflow", *names)
    if not any(line.startswith("mlflow==") for line in needed):  # mlflow-skinny, say
        needed.append(f"mlflow=={mlflow.__version__}")
    (folder / "requirements.txt").write_text("\n".join(needed))
    conda = folder / "conda.yaml"
    said = yaml.safe_load(conda.read_text())
    for part in said["dependencies"]:
        if isinstance(part, dict):
            part["pip"] = needed
    conda.write_text(yaml.safe_dump(said, default_flow_style=False))
