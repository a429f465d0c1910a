"""The report of a training in somebody's own script: what its callback has heard, and what was held out in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from tfmlflow.analysis.run_report import content, layers, page
from tfmlflow.diagnosis.rules import Diagnosis
from tfmlflow.masking import masked
from tfmlflow.result import Result
from tfmlflow.tracking.provenance import provenance
from tfmlflow.tracking.recording.epochs import EpochRecorder
from tfmlflow.tracking.recording.report import wording
from tfmlflow.tracking.recording.report.parts import Parts
from tfmlflow.tracking.run.session import Session
from tfmlflow.tracking.store import names
from tfmlflow.vocabulary import File

SECONDS = 30.0  # that it may take


def record(
    session: Session,
    model: keras.Model,
    epochs: EpochRecorder,
    result: Result,
    diagnosis: Diagnosis,
    described: Mapping[str, Any],
    about: Mapping[str, Any],
    predicted: Mapping[str, Any],
    parts: Parts,
    folder: str = "",
) -> None:
    """Leave `report.html` in the run.

    Args:
        session: The run.
        model, epochs: That were trained.
        result, diagnosis: What came out, and what is to be said of it.
        described: Its params, nested.
        about: What is known of `data`, `devices` and `attempts`; empty what is not.
        predicted: What the best weights say of held-out examples, made by `parts`.
        parts: Makes the rest, in the time that is left.
        folder: Of the run's artifacts.
    """
    columns = (result.train, result.validation, result.test)
    said = {
        "headline": wording.headline(result),
        "summary": f"{model.name}, run {session.run_id}{_counted(epochs, result.epochs)}",
        "best_epoch": result.best_epoch,
        "diagnosis": content.diagnoses([one.as_dict() for one in diagnosis.findings]),
        "results": [
            [name, *(content.finite(part.get(name)) for part in columns)] for name in result.validation or result.train
        ],
        "curves": content.curves(epochs.history, epochs.rates),
        **predicted,
        "model": parts.make("model", lambda: layers.of(model)) if model.built else None,
        "facts": parts.make("facts", lambda: _facts(about)),
        "config": [[key, str(masked(key, value))] for key, value in names.flat(described).items()],
    }
    text = page.html(model.name, wording.without_secrets(said | {"left": parts.left}, session))
    session.text(File.REPORT, text, folder, mask=False)  # masked above; its scripts are known by their hashes


def _counted(epochs: EpochRecorder, trained: int) -> str:
    """That a further fit's epochs are counted on from those before it."""
    numbers = [number for curve in epochs.history.values() for number, _ in curve]
    first, last = min(numbers, default=1), max(numbers, default=1)
    return f"; of this fit, whose epochs are counted on in the run: {first} to {last}" if last > trained else ""


def _facts(about: Mapping[str, Any]) -> list[tuple[str, list[list[str]]]]:
    environment = wording.environment(about["devices"], provenance.source_folder())
    of = {"Data": about["data"], "Environment": environment, "Attempts": about["attempts"]}
    return [(name, content.facts(facts)) for name, facts in of.items()]
