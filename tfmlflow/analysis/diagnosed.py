"""Evidence of a run as it stands in a store, of this tool or of any other."""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tfmlflow.analysis.runs.stored_run import StoredRun
from tfmlflow.analysis.wording import as_number
from tfmlflow.diagnosis.evidence import Evidence
from tfmlflow.errors import UsageError
from tfmlflow.vocabulary import File, Metric

HELD = re.compile(r"^(val|valid|validation|eval)[/_. ]", re.IGNORECASE)
TRAINED = re.compile(r"^(train|training)[/_. ]", re.IGNORECASE)
LOSS = re.compile(r"^loss(_epoch)?$", re.IGNORECASE)
ACCURACY = re.compile(r"^(acc|accuracy|(sparse_)?categorical_accuracy|binary_accuracy)(_epoch)?$", re.IGNORECASE)
RATES = (Metric.BATCH_LEARNING_RATE, "learning_rate", "lr")
PLANNED = ("trainer.epochs", "epochs", "num_epochs", "n_epochs", "max_epochs")
BATCHES = ("data.batch_size", "batch_size")
POINTS = 20_000  # of a metric, at most: of more, as many are thinned out
STEPS = 200


@dataclass(frozen=True)
class Known:
    """What there is of a run.

    Attributes:
        evidence: Of it.
        probed: Whether it is what was collected while it trained, and not its metrics alone.
    """

    evidence: Evidence
    probed: bool


def read(client: MlflowClient, run: StoredRun) -> Known:
    """Evidence of a run: the one that it holds, else what its metrics and params tell.

    Raises:
        UsageError: It has neither.
    """
    if (held := _held(client, run)) is not None:
        return Known(held, True)
    parts: dict[str, dict[str, str]] = {"train": {}, "validation": {}}
    for key in run.metrics:
        part = "validation" if HELD.match(key) else "train"
        name = (HELD if part == "validation" else TRAINED).sub("", key)
        plain = "loss" if LOSS.match(name) else "accuracy" if ACCURACY.match(name) else None
        if plain is not None and plain not in parts[part]:
            parts[part][plain] = key
    if "loss" not in parts["train"]:
        there = ", ".join(sorted(run.metrics)[:8]) or "no metric at all"
        raise UsageError(f"{run.run_id}: has no training loss by epoch (train/loss, loss, train_loss); it has {there}")
    held_out = {name: _points(client, run, key) for name, key in parts["validation"].items()}
    epochs = len(held_out.get("loss", ()))
    train = {name: _by_epoch(_points(client, run, key), epochs) for name, key in parts["train"].items()}
    return Known(_of_metrics(client, run, train, held_out), False)


def _held(client: MlflowClient, run: StoredRun) -> Evidence | None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            if not any(one.path == File.DIAGNOSIS for one in client.list_artifacts(run.run_id)):
                return None
            file = Path(client.download_artifacts(run.run_id, File.DIAGNOSIS, folder))
            said: Any = json.loads(file.read_text(encoding="utf-8"))
            return Evidence.of(said["evidence"])
        except (MlflowException, OSError, ValueError, LookupError, TypeError, AttributeError):
            return None  # a store without its artifacts, or somebody else's file


def _points(client: MlflowClient, run: StoredRun, key: str) -> list[float]:
    """All values of a metric in their order; where all have one step, by their time."""
    points = client.get_metric_history(run.run_id, key)
    ordered = sorted(points, key=lambda point: (int(point.step), int(point.timestamp)))
    kept = {(int(p.step), int(p.timestamp)): p for p in ordered}
    steps = {step for step, _ in kept}
    if len(steps) > 1:  # a step that was said twice counts once
        kept = {(step, 0): one for (step, _), one in kept.items()}
    values = [_number(one.value) for one in kept.values()]
    return values[:: max(1, math.ceil(len(values) / POINTS))]


def _number(value: float) -> float:
    return float(value) if abs(value) < 1e300 else math.inf  # databases store infinity as the largest number


def _by_epoch(values: Sequence[float], epochs: int) -> list[float]:
    """A curve of single steps as one of `epochs` means; any other as it is."""
    if epochs < 2 or len(values) < 2 * epochs:
        return list(values)
    return [float(np.mean(part)) for part in np.array_split(np.asarray(values), epochs)]


def _of_metrics(
    client: MlflowClient, run: StoredRun, train: Mapping[str, list[float]], held: Mapping[str, list[float]]
) -> Evidence:
    steps = _points(client, run, Metric.BATCH_LOSS) if Metric.BATCH_LOSS in run.metrics else []
    rate = next((key for key in RATES if key in run.metrics), None)
    rates = _points(client, run, rate) if rate is not None else []
    whole = len(train["loss"])
    batch = next((as_number(run.params[key]) for key in BATCHES if key in run.params), None)
    planned = next((as_number(run.params[key]) for key in PLANNED if key in run.params), None)
    ended = run.reason or ("nan" if run.status == "FAILED" and not np.isfinite(train["loss"]).all() else "")
    return Evidence(
        train={name: tuple(curve) for name, curve in train.items()},
        validation={name: tuple(curve) for name, curve in held.items()},
        planned=int(planned) if planned else None,
        reason=ended,
        first_steps=tuple(steps[:STEPS]),
        last_steps=tuple(steps[-STEPS:]),
        rates=tuple(_by_epoch(rates, whole)),
        batch_size=int(batch) if batch else None,
        loss=run.params.get("trainer.loss", run.params.get("loss", "")),
        weighted=run.params.get("trainer.class_weight", "None") not in ("None", "null"),
        input_wait=run.metrics.get("perf/input_wait_share"),
        settings={key: _plain(value) for key, value in run.params.items()} if run.ours else {},
    )


def _plain(value: str) -> Any:
    """A param as the value that it was."""
    try:
        return json.loads(value.replace("'", '"').replace("None", "null").replace("True", "true"))
    except ValueError:
        return value
