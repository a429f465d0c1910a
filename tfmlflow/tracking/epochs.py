"""The epochs of a training: their metrics, and which was the best."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping

import keras

from tfmlflow.tracking import names
from tfmlflow.tracking.place import Place
from tfmlflow.tracking.session import Session
from tfmlflow.trainer.best import BestWeights
from tfmlflow.trainer.objective import Objective

log = logging.getLogger(__name__)


class EpochRecorder:
    """Records the epochs of one `fit`, and keeps the weights of the best.

    Args:
        model: That is trained.
        objective: Decides which epoch is the best; without validation its training twin does.
        place: How far the run has come; a best that an earlier process has reached stands until it is beaten.

    Attributes:
        best: The best epoch.
        history: (epoch, value) by the metric's name.
    """

    def __init__(self, model: keras.Model, objective: Objective, place: Place) -> None:
        self.history: dict[str, list[tuple[int, float]]] = {}
        self._objective, self._place = objective, place
        self.best = BestWeights(objective)
        twin = objective.metric.replace("val/", "train/")
        self._twin = BestWeights(Objective(twin, objective.mode))
        for weights in (self.best, self._twin):
            weights.set_model(model)
        if place.metric == objective.metric:
            self.best.value = place.best

    def record(self, session: Session, number: int, logs: Mapping[str, float]) -> float | None:
        """Record epoch `number`, from 1; returns its objective, None if that is no number.

        Args:
            session: The run.
            number: Of the epoch.
            logs: By Keras's names.
        """
        for name, value in logs.items():
            if name == "learning_rate":
                continue
            key = names.metric(name)
            session.metric(key, float(value), number)
            self.history.setdefault(key, []).append((number, float(value)))
        self.best.on_epoch_end(number - 1, dict(logs))
        if self._twin.objective != self._objective and not any(name.startswith("val_") for name in logs):
            self._twin.on_epoch_end(number - 1, dict(logs))
        if self.best.epoch == number:
            place = self._place
            place.best, place.best_epoch, place.metric = self.best.value, number, self._objective.metric
        objective = logs.get(self._objective.monitor)
        return None if objective is None or not math.isfinite(objective) else float(objective)

    def choose(self) -> None:
        """Let the twin decide if the objective was never there."""
        if self.best.epoch is None and self.best.value is None:
            instead = f"is by {self._twin.objective.monitor!r}" if self._twin.epoch else "is not known"
            log.warning("monitor=%r was never a number; the best epoch %s", self._objective.monitor, instead)
            self.best = self._twin
