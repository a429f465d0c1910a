"""The raw examples that were stored with a model, read as data and nothing else."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from mlflow.models import Model

log = logging.getLogger(__name__)

FILE = "input_example.json"  # what MLflow calls it; a model that says otherwise may lead out of its folder


def read(folder: Path) -> Any:
    """As the model's Python function takes them; None if there are none, or they make no sense.

    Args:
        folder: Of a model in MLflow's format.
    """
    try:
        described = Model.load(str(folder))
        info = described.saved_input_example_info
        if info is None or info.get("artifact_path") != FILE or info.get("type") not in ("dataframe", "ndarray"):
            return None
        return described.load_input_example(str(folder))
    except Exception as error:  # whatever somebody has written there
        log.warning("the model's input example cannot be read: %s", str(error).splitlines()[0][:200] or type(error))
        return None
