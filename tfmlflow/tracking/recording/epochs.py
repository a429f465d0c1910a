"""The epochs of a training: their metrics, and which was the best."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tfmlflow.objective import Objective
from tfmlflow.tracking.recording import media
from tfmlflow.tracking.run.progress import Progress
from tfmlflow.tracking.run.session import Session
from tfmlflow.tracking.store import names
from tfmlflow.trainer import values
from tfmlflow.trainer.callbacks.best import BestWeights

log = logging.getLogger(__name__)

PICTURES = 20  # epochs of which each has pictures of its matrices; of later ones every twentieth has
TABLES = "tables"  # folder of what is recorded as a table
OF_WORKERS = ("updates", "staleness")  # numbers of asynchronous training, which are no curves of the model


class EpochRecorder:
    """Records the epochs of one `fit`, and keeps the weights of the best.

    Args:
        model: That is trained.
        objective: Decides which epoch is the best; without validation its training twin does.
        progress: How far the run has come; a best that an earlier process has reached stands until it is beaten.
        known: Whether it is known which direction of the objective is better; else no epoch is the best.
        labels: Names of classes, for metrics that give a number for each.
        best: Knows which epoch is the best, where whoever manages the training keeps it; else it is kept here.

    Attributes:
        best: The best epoch.
        history: (epoch, value) by the metric's name.
        matrices: The last value of each metric that gives a matrix, by name.
        seen: Names of all metrics, by Keras's names.
        logs: Metrics of each epoch, by Keras's names, those of an earlier process too.
        rates: (epoch, learning rate), of an optimizer that has a single one.
    """

    def __init__(
        self,
        model: keras.Model,
        objective: Objective,
        progress: Progress,
        known: bool = True,
        labels: Sequence[str] = (),
        best: BestWeights | None = None,
    ) -> None:
        self._single: set[str] = set()  # metrics that give one number
        self.history: dict[str, list[tuple[int, float]]] = {}
        self.matrices: dict[str, np.ndarray[Any, Any]] = {}
        self.seen: list[str] = []
        self._objective, self._progress, self._known, self._labels = objective, progress, known, labels
        self._refused: set[str] = set()
        self._fresh: list[str] = []  # matrices of this epoch
        self.best, self._kept_elsewhere = best or BestWeights(objective), best is not None
        twin = objective.metric.replace("val/", "train/")
        self._twin = BestWeights(Objective(twin, objective.mode))
        self.logs: list[dict[str, float]] = []
        self.rates: list[tuple[int, float]] = []
        before = self.best.before
        for number, earlier in enumerate(before.epochs if before is not None else (), 1):
            self._remember(number, earlier)
        if best is not None:
            return
        for weights in (self.best, self._twin):
            weights.set_model(model)
        if progress.metric == objective.metric:
            self.best.value = progress.best

    def record(self, session: Session, number: int, logs: Mapping[str, Any]) -> float | None:
        """Record epoch `number`, from 1; returns its objective, None if that is no number.

        Args:
            session: The run.
            number: Of the epoch.
            logs: By Keras's names.
        """
        numbers: dict[str, float] = {}
        self._fresh.clear()
        for name, value in logs.items():
            if name == "learning_rate":
                continue
            self.seen += [name] if name not in self.seen else []
            numbers |= self._numbers(session, name, value)
        for key in self._fresh if number <= PICTURES or number % PICTURES == 0 else ():
            try:
                media.log_image(session, media.heat(self.matrices[key]), key, number)
            except Exception as error:  # the numbers are more than their picture
                log.debug("no picture of %s", key, exc_info=error)
        for name, one in numbers.items():
            session.metric(names.metric(name), one, number)
        self._remember(number, numbers)
        self._choose_among(number, numbers)
        objective = numbers.get(self._objective.monitor) if self._known else None
        return None if objective is None or not math.isfinite(objective) else objective

    def _remember(self, number: int, numbers: Mapping[str, float]) -> None:
        self.logs.append(dict(numbers))
        for name, one in numbers.items():  # of a metric that gives a number for each class there is no curve
            if "/" not in name or (name in self._single and name.partition("/")[0] not in OF_WORKERS):
                self.history.setdefault(names.metric(name), []).append((number, one))

    def _numbers(self, session: Session, name: str, value: Any) -> dict[str, float]:
        single = values.number(value)
        if single is not None:
            self._single.add(name)
            return {name: single}
        try:
            array = values.array(value)
            if array.ndim == 1:
                return {f"{name}/{label}": one for label, one in values.by_class(array, self._labels).items()}
            if array.ndim != 2 or array.size > values.LARGEST**2:
                raise TypeError(f"an array of the shape {array.shape}")
        except TypeError as error:
            if name not in self._refused:
                self._refused.add(name)
                log.warning("the metric %s is %s, which cannot be recorded", name, error)
                session.missing(f"the metric {name}, which is {error}")
            return {}
        self.matrices[names.metric(name)] = array
        self._fresh.append(names.metric(name))
        self._table(session, names.metric(name), array)
        return {}

    def _table(self, session: Session, key: str, matrix: np.ndarray[Any, Any]) -> None:
        labels = self._labels if len(self._labels) == matrix.shape[1] else [str(i) for i in range(matrix.shape[1])]
        text = io.StringIO()
        header = ",".join(str(label).replace(",", " ") for label in labels)
        np.savetxt(text, matrix, "%.10g", ",", header=header, comments="")
        session.text(f"{key.replace('/', '_')}.csv", text.getvalue(), TABLES, mask=False)

    def _choose_among(self, number: int, numbers: Mapping[str, float]) -> None:
        if not self._known:
            return
        if not self._kept_elsewhere:
            self.best.on_epoch_end(number - 1, dict(numbers))
            if self._twin.objective != self._objective and not any(name.startswith("val_") for name in numbers):
                self._twin.on_epoch_end(number - 1, dict(numbers))
        if self.best.epoch == number:
            progress = self._progress
            progress.best, progress.best_epoch, progress.metric = self.best.value, number, self._objective.metric

    def choose(self) -> None:
        """Let the twin decide if the objective was never there."""
        if self.best.epoch is None and self.best.value is None and self._known:
            there = f"; its metrics are {', '.join(self.seen) or 'none'}"
            instead = f"is by {self._twin.objective.monitor!r}" if self._twin.epoch else f"is not known{there}"
            log.warning("monitor=%r was never a number; the best epoch %s", self._objective.monitor, instead)
            self.best = self._twin

    @property
    def ended(self) -> int:
        """Epochs that have ended, those of an earlier process too."""
        return len(self.logs)

    @property
    def stands(self) -> bool:
        """Whether an earlier training of the run has reached a best that this one has not beaten."""
        return self.best.epoch is None and self.best.value is not None
