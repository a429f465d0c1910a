"""What the report shows of single epochs: how each class was predicted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfmlflow.analysis.predictions import classification
from tfmlflow.analysis.predictions.classified import Classified, Unfit
from tfmlflow.data.record import Data
from tfmlflow.probe import about
from tfmlflow.tracking.models import model_export
from tfmlflow.trainer.predicting import Forward, Outputs, Unpredictable, predict

log = logging.getLogger(__name__)

CLASSES = 100  # at most
EXAMPLES = 2000  # of the validation split
SHARE = 0.01  # of the training's time that the epochs' predictions may take
FIRST = 30.0  # seconds of training before the first of them, which has a graph traced
LONGEST = 2.0  # seconds of one of them


class EpochNotes(keras.callbacks.Callback):
    """Notes, of a classifier, its confusions on the validation split.

    The latter cost time, so that they are taken of the last epoch, and of earlier ones as often as `SHARE` allows.

    Args:
        data: Says which classes there are.
        epoch: Gives the number of the last epoch, from 1.
        predicts: Whether the model can be asked by this process alone.

    Attributes:
        counts: Confusions `(true, chosen)` by epoch.
    """

    def __init__(self, data: Data, epoch: Callable[[], int], predicts: bool = True) -> None:
        super().__init__()
        self.counts: dict[int, NDArray[np.int64]] = {}
        self._data, self._epoch = data, epoch
        self._predicts = predicts and data.task != "regression" and data.classes <= CLASSES
        self._forward: Forward | None = None
        self._began, self._spent, self._cost = time.monotonic(), 0.0, 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock."""
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the epoch."""
        try:
            passed = time.monotonic() - self._began
            if not self._leaves_nothing():
                return
            if passed > FIRST and self._spent + self._cost < SHARE * passed:
                self.note(self._epoch())
        except Exception as error:
            log.debug("the epoch is not noted", exc_info=error)

    def _leaves_nothing(self) -> bool:
        """Whether the model and the data can be asked in the middle of a training without any change to it.

        How often they are asked is a matter of time, and must not decide what is learned.
        """
        return self._data.validation.own is None and about.is_keras_own(self.model)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Notes the last epoch, whose weights the model still has."""
        if self._epoch() > 0:
            self.note(self._epoch())

    def forward(self) -> Forward:
        """The model in the graph; traced once."""
        if self._forward is None:
            self._forward = Forward(self.model)
        return self._forward

    def note(self, epoch: int) -> None:
        """Predict the validation split with the weights as they are, which are those of `epoch`."""
        if not self._predicts or epoch in self.counts:
            return
        began = time.monotonic()
        try:
            outputs = predict(self.forward(), self._data.validation, LONGEST, EXAMPLES, self._data.classes)
            self.counts[epoch] = classification.confusion(classified(self.model, self._data, outputs))
        except Exception as error:
            self._predicts = False
            if not isinstance(error, Unfit | Unpredictable):
                log.debug("classes cannot be noted by epoch", exc_info=error)
        took = time.monotonic() - began
        self._cost = took if self._spent == 0 else min(took, max(self._cost, 1e-3) * 2)
        self._spent += took


def classified(model: keras.Model, data: Data, outputs: Outputs) -> Classified:
    """What a model gave, as classes.

    Raises:
        Unfit: It is none.
    """
    kind = model_export.scores(model, data.task, outputs.given)
    return Classified.of(outputs.given, outputs.targets, kind, data.classes, data.class_names)
