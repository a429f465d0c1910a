"""From raw examples to named predictions: what a model needs beside its weights.

This package goes into the folder of each stored model as `code/`, so that `mlflow.pyfunc` can load it where tfmlflow is
not installed. It imports nothing of tfmlflow but itself, and itself by relative names.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .predictor import Predictor


def _load_pyfunc(path: str) -> Predictor:
    """What MLflow calls to load a model as a Python function; `path` is the model's folder."""
    from .predictor import Predictor

    return Predictor.of(Path(path))
