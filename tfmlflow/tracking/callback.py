"""The Keras callback that records a training."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmlflow.errors import Interrupted
from tfmlflow.tracking import description, names, outcome, step_trace
from tfmlflow.tracking.checkpoints import Checkpoints
from tfmlflow.tracking.epochs import EpochRecorder
from tfmlflow.tracking.keeping import Keeping
from tfmlflow.tracking.place import Place
from tfmlflow.tracking.session import Session
from tfmlflow.tracking.signals import Signals
from tfmlflow.tracking.standalone import Standalone
from tfmlflow.tracking.steps import StepRecorder
from tfmlflow.trainer.objective import Objective

FIRST_STEP = 60.0  # seconds that tracing and compiling may take before the first step


class TrackingCallback(keras.callbacks.Callback):
    """Records params, metrics, checkpoints and the best model of a `fit` in an MLflow run.

    Adopts the active MLflow run, or opens one and ends it with the training.

    Args:
        monitor: Metric by Keras's name that decides the best epoch; without validation its training twin does.
        mode: auto (by the metric's name), min or max.
        log_every: Steps between two points of `batch/*` in the store; each is the mean over these steps. The run's
            `history.parquet` has every step.
        checkpoint_every: Epochs between two checkpoints, or text such as `500 steps`, `10 minutes`; None: none.
        keep_last, keep_best: How many of the newest and of the best checkpoints are kept.
        checkpoint_dir: Where they are kept on this machine too; None: only in the store.
        log_model: Store the best epoch's model as a LoggedModel named `best`.
        register_as: Name of a registered model that it becomes a version of; the alias `champion` goes to it if it
            beats the present champion on the same `data_digest` and objective.
        data_digest: Names the content of the data that the objective is measured on.
        run_name: Of a new run.
        example: Input `(n, *input_shape)`, stored with the model; without it the signature is read off the model.
        system_metrics: Sample CPU, memory and GPUs meanwhile.
        drain_timeout: Seconds to wait for the store at the end.
        session: The run to write to, where the caller manages it, logs params and models and ends it.

    Attributes:
        input_wait: Gives the share of the epoch that steps have waited for data, by whoever can tell.

    Example:
        model.fit(x, y, validation_data=(x_val, y_val), callbacks=[tfmlflow.TrackingCallback()])
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        *,
        log_every: int = 10,
        checkpoint_every: int | str | None = 1,
        keep_last: int = 1,
        keep_best: int = 1,
        checkpoint_dir: str | Path | None = None,
        log_model: bool = True,
        register_as: str | None = None,
        data_digest: str | None = None,
        run_name: str | None = None,
        example: np.ndarray[Any, Any] | None = None,
        system_metrics: bool = True,
        drain_timeout: float = 30.0,
        session: Session | None = None,
    ) -> None:
        super().__init__()
        if log_every < 1:
            raise ValueError(f"log_every={log_every}: must be at least 1")
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode={mode!r}: must be auto, min or max")
        self._objective = Objective.of(names.metric(monitor), mode)
        self._keeping = Keeping.of(checkpoint_every, keep_last, keep_best, checkpoint_dir)
        self._log_model, self._example = log_model, example
        self._register_as, self._data_digest = register_as, data_digest
        self._run_name, self._system_metrics, self._drain_timeout = run_name, system_metrics, drain_timeout
        self._managed = session
        self._own: Standalone | None = None
        self._log_every = log_every
        self.input_wait: Callable[[], float | None] = lambda: None
        self._reset()

    def _reset(self) -> None:
        self._place = Place()
        self._steps: StepRecorder | None = None
        self._epochs: EpochRecorder | None = None
        self._checkpoints: Checkpoints | None = None
        self._signals: Signals | None = None

    @property
    def session(self) -> Session:
        """The run being written."""
        session = self._managed or (self._own.session if self._own is not None else None)
        if session is None:
            raise RuntimeError("TrackingCallback has no run yet; it opens one when fit begins")
        return session

    @property
    def run_id(self) -> str:
        """Id of the MLflow run."""
        return self.session.run_id

    def set_model(self, model: keras.Model) -> None:
        """Sees to it that each step's own loss is kept, before the training function is traced."""
        super().set_model(model)
        self._trace = step_trace.install(model)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Opens the run, unless it was given."""
        if self._managed is None:
            self._reset()
            self._own = Standalone(self._run_name, self._drain_timeout, self._system_metrics, self.params)
            self._place = self._own.place
            described = description.of(self.model, self.params, self._objective)
            # MLflow refuses to change a param: a further fit in the run has its own.
            self.session.params(described if self._place.fits == 1 else {f"fit_{self._place.fits}": described})
        self._offset: int | None = None
        group = int(self.model.steps_per_execution)
        self._steps = StepRecorder(self.session, self._trace, self._place.step, self._log_every, group)
        self._epochs = EpochRecorder(self.model, self._objective, self._place)
        known = self._own.checkpoints if self._own is not None else None
        self._checkpoints = Checkpoints(self.session, self._objective, self._keeping, known)
        self._steps.input_wait = self.input_wait
        self.session.before_end = self._leave_fit
        if self._trace is None or type(self.model).train_step is not keras.Model.train_step:
            self.on_train_batch_end = self._keep_logs  # its steps may leave no trace
        self._signals = self.session.signals
        self._signals.deferred = True
        self._signals.beat = time.monotonic() + FIRST_STEP

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Starts the epoch's clock."""
        if self._offset is None:  # a further fit goes on after the last epoch, unless it says itself where it is
            self._offset = max(0, self._place.epoch - epoch)
        if self._steps is not None:
            self._steps.begin_epoch()

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """A group of steps begins, so the one before has ended.

        Not `on_train_batch_end`: whoever has one makes Keras wait for the step's metrics.
        """
        assert self._steps is not None
        self._steps.begin_group()
        if self._checkpoints is not None and self._checkpoints.due(self._steps.reckoned):
            self._steps.read()
            self._checkpoints.after_steps(self.model, self._place.epoch, self._steps.step)
        self._leave_if_told()

    def _keep_logs(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self._steps is not None:
            self._steps.fallback[batch] = float((logs or {}).get("loss", math.nan))

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """The epoch's steps are over."""
        if self._steps is not None:
            self._steps.pause()

    def on_test_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """A signal need not wait for the end of the validation."""
        self._leave_if_told()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Records the epoch's metrics and a checkpoint."""
        assert self._steps is not None
        assert self._epochs is not None
        assert self._checkpoints is not None
        self._steps.pause()
        self._steps.end_epoch()
        place = self._place
        place.epoch, place.step = (self._offset or 0) + epoch + 1, self._steps.step
        reached = self._epochs.record(self.session, place.epoch, logs or {})
        self._checkpoints.after_epoch(self.model, place.epoch, place.step, reached)
        self.session.tags(place.as_tag())
        self.session.soon()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Ends what it has opened, with curves and the best model."""
        assert self._steps is not None
        assert self._checkpoints is not None
        self._steps.pause()
        self._steps.finish()
        self._place.step = self._steps.step
        self.session.signals.deferred = False
        self._leave_if_told()
        self._checkpoints.finish()
        self._steps = self._signals = None
        if self._own is not None:
            self._finish(self._own, float((logs or {}).get("loss", 0.0)))

    def _finish(self, own: Standalone, loss: float) -> None:
        session = self.session
        now = session.now()
        if own.place.fits == 1:
            session.params({"model.parameters": self.model.count_params()})
        self.epochs.choose()
        best = self.epochs.best
        outcome.draw(session, self.epochs.history, best.epoch)
        if best.epoch is not None:
            reached = outcome.metrics(best)
            session.metrics(reached, best.epoch, now)
            if self._log_model:
                last = self.model.get_weights()
                best.restore()
                registered = outcome.registration(best, self._register_as, self._data_digest)
                outcome.log_model(session, self.model, best.epoch, reached, now, None, self._example, registered)
                self.model.set_weights(last)
        nan, stopped = not math.isfinite(loss), own.place.epoch - (self._offset or 0) < self.params["epochs"]
        own.finish("FAILED" if nan else "FINISHED", "nan" if nan else "early_stopping" if stopped else "completed")

    @property
    def epochs(self) -> EpochRecorder:
        """The epochs of the training that is going on, or was the last."""
        if self._epochs is None:
            raise RuntimeError("TrackingCallback has seen no epoch yet; it does when fit begins")
        return self._epochs

    def _leave_fit(self) -> None:
        """The run ends, perhaps in the middle of a step."""
        if self._steps is not None:
            self._steps.leave()
        if self._checkpoints is not None:
            self._checkpoints.finish()

    def _leave_if_told(self) -> None:
        signals = self._signals
        if signals is None:
            return  # an evaluation outside of fit
        signals.beat = time.monotonic()
        if signals.received is None:
            return
        signals.closing = True
        if self._steps is not None and self._checkpoints is not None:
            self._steps.pause()
            self._checkpoints.save_now(self.model, self._place.epoch, self._steps.step)
        error = Interrupted(signals.received)
        if self._own is not None:
            self._own.fail(error)
        raise error
