"""What reports of trainings say alike, whoever has made the training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmlflow.masking import masked_text
from tfmlflow.result import REASONS, Result
from tfmlflow.tracking.provenance import provenance
from tfmlflow.tracking.run.session import Session

PACKAGES = ("tensorflow", "keras", "mlflow", "numpy", "tfmlflow")


def headline(result: Result) -> str:
    """The result in a sentence."""
    epochs = "1 epoch" if result.epochs == 1 else f"{result.epochs} epochs"
    ended = REASONS[result.reason].format(epochs=epochs)
    if result.best_epoch is None or result.objective is None:
        return ended
    return f"{result.metric} {result.objective:.4g} at epoch {result.best_epoch}; {ended}"


def environment(devices: Sequence[str], source: str | Path, **more: Any) -> dict[str, Any]:
    """Machine, `more`, the packages that a training is made with, and the commit of `source`."""
    machine = json.loads(provenance.machine(tuple(devices)))
    packages = dict(line.split("==", 1) for line in provenance.packages().splitlines())
    commit = provenance.commit(source)
    said = {key: ", ".join(map(str, one)) if isinstance(one, list) else one for key, one in machine.items()}
    said |= more | {name: packages.get(name) for name in PACKAGES}
    if commit is not None:
        said["commit"] = commit[0] + (", with changes (environment/diff.patch)" if commit[1] else "")
    return said


def without_secrets(value: Any, session: Session) -> Any:
    """`value` without secrets, in all texts but pictures."""
    if isinstance(value, str):
        return value if value.startswith("data:image/png;base64,") else session.without_secrets(masked_text(value))
    if isinstance(value, Mapping):
        return {key: without_secrets(one, session) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(one, session) for one in value]
    return value
