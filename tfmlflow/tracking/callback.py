"""The Keras callback that records a training."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

import keras
import numpy as np

from tfmlflow.errors import Interrupted
from tfmlflow.tracking import checkpoint, description, names, outcome, step_loss
from tfmlflow.tracking.intervals import Intervals
from tfmlflow.tracking.learning_rate import LearningRate
from tfmlflow.tracking.session import Session
from tfmlflow.tracking.standalone import Place, Standalone
from tfmlflow.trainer.best import BestWeights
from tfmlflow.trainer.objective import Objective

log = logging.getLogger(__name__)

FIRST_STEP = 60.0  # seconds that tracing and compiling may take before the first step


class TrackingCallback(keras.callbacks.Callback):
    """Records params, metrics, checkpoints and the best model of a `fit` in an MLflow run.

    Adopts the active MLflow run, or opens one and ends it with the training.

    Args:
        monitor: Metric by Keras's name that decides the best epoch; without validation its training twin does.
        mode: auto (by the metric's name), min or max.
        log_every: Steps between two points of `batch/*`; each is the mean over these steps.
        checkpoint_every: Epochs between two checkpoints; None: none.
        log_model: Store the best epoch's model as a LoggedModel named `best`.
        run_name: Of a new run.
        example: Input `(n, *input_shape)`, stored with the model; without it the signature is read off the model.
        system_metrics: Sample CPU, memory and GPUs meanwhile.
        drain_timeout: Seconds to wait for the store at the end.
        session: The run to write to, where the caller manages it, logs params and models and ends it.

    Example:
        model.fit(x, y, validation_data=(x_val, y_val), callbacks=[tfmlflow.TrackingCallback()])
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        *,
        log_every: int = 10,
        checkpoint_every: int | None = 1,
        log_model: bool = True,
        run_name: str | None = None,
        example: np.ndarray[Any, Any] | None = None,
        system_metrics: bool = True,
        drain_timeout: float = 30.0,
        session: Session | None = None,
    ) -> None:
        super().__init__()
        if log_every < 1:
            raise ValueError(f"log_every={log_every}: must be at least 1")
        if checkpoint_every is not None and checkpoint_every < 1:
            raise ValueError(f"checkpoint_every={checkpoint_every}: must be at least 1, or None")
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode={mode!r}: must be auto, min or max")
        self._objective = Objective.of(names.metric(monitor), mode)
        self._checkpoint_every, self._log_model, self._example = checkpoint_every, log_model, example
        self._run_name, self._system_metrics, self._drain_timeout = run_name, system_metrics, drain_timeout
        self._managed = session
        self._own: Standalone | None = None
        self._log_every = log_every
        self._reset()

    def _reset(self) -> None:
        self._best = BestWeights(self._objective)
        twin = self._objective.metric.replace("val/", "train/")
        self._twin = BestWeights(Objective(twin, self._objective.mode))
        self._loss, self._rate = Intervals(self._log_every), Intervals(self._log_every)
        self._place = Place()
        self._in_epoch = self._epoch_began = self._iterations_before = 0
        self._clock, self._examples = 0.0, 0
        self.history: dict[str, list[tuple[int, float]]] = {}

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
        self._tracker = step_loss.install(model)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Opens the run, unless it was given."""
        if self._managed is None:
            self._reset()
            self._own = Standalone(self._run_name, self._drain_timeout, self._system_metrics, self.params)
            self._place = self._own.place
            described = description.of(self.model, self.params, self._objective)
            # MLflow refuses to change a param: a further fit in the run has its own.
            self.session.params(described if self._place.fits == 1 else {f"fit_{self._place.fits}": described})
        self._best.set_model(self.model)
        self._twin.set_model(self.model)
        self._offset: int | None = None
        self._learning_rate = LearningRate(self.model.optimizer)
        self._iterations_before = self._learning_rate.iterations - self._place.step
        self.session.signals.deferred = True
        self.session.signals.beat = time.monotonic() + FIRST_STEP

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Starts the epoch's clock."""
        if self._offset is None:  # a further fit goes on after the last epoch, unless it says itself where it is
            self._offset = max(0, self._place.epoch - epoch)
        self._in_epoch = self._examples = 0
        self._epoch_began = self._learning_rate.iterations
        self._clock = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Records the group of steps that has just ended; puts records into the sink and nothing more."""
        known = self.params.get("steps")
        # The last group of an epoch may be shorter than Keras says; of data of unknown length the optimizer knows.
        done = min(batch + 1, known) if known else self._learning_rate.iterations - self._epoch_began
        steps, self._in_epoch = done - self._in_epoch, done
        before = self._place.step
        self._place.step += steps
        if self._tracker is not None and self._tracker.size >= steps and self._tracker.examples:
            losses = self._tracker.last(steps, self._replicas)
            self._record_speed(self._tracker.examples)
        else:
            losses = np.full(steps, (logs or {}).get("loss", math.nan))
        first = before + self._iterations_before
        rates = (self._learning_rate.at(first + i) for i in range(steps))
        for step, mean in self._loss.add(before, losses):
            self.session.metric("batch/loss", mean, step)
        for step, mean in self._rate.add(before, rates):
            self.session.metric("batch/learning_rate", mean, step)
        self._leave_if_told()

    def on_test_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """A signal need not wait for the end of the validation."""
        self._leave_if_told()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Records the epoch's metrics and a checkpoint."""
        number = (self._offset or 0) + epoch + 1
        self._place.epoch = number
        for name, value in (logs or {}).items():
            if name == "learning_rate":
                continue
            key = names.metric(name)
            self.session.metric(key, float(value), number)
            self.history.setdefault(key, []).append((number, float(value)))
        before = self._best.epoch
        self._best.on_epoch_end(number - 1, logs)
        if self._twin.objective != self._objective and not any(name.startswith("val_") for name in logs or {}):
            self._twin.on_epoch_end(number - 1, logs)
        if self._checkpoint_every is not None:
            if (epoch + 1) % self._checkpoint_every == 0:
                self._save_checkpoint("last")
            if self._best.epoch != before:
                self._save_checkpoint("best")

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Ends what it has opened, with curves and the best model."""
        for key, intervals in (("batch/loss", self._loss), ("batch/learning_rate", self._rate)):
            for step, mean in intervals.rest(self._place.step):
                self.session.metric(key, mean, step)
        self.session.signals.deferred = False
        self._leave_if_told()
        if self._own is not None:
            self._finish(self._own, float((logs or {}).get("loss", 0.0)))

    def _finish(self, own: Standalone, loss: float) -> None:
        session, now = self.session, time.time()
        if own.place.fits == 1:
            session.params({"model.parameters": self.model.count_params()})
        if self._best.epoch is None:
            instead = f"is by {self._twin.objective.monitor!r}" if self._twin.epoch else "is not known"
            log.warning("monitor=%r was never a number; the best epoch %s", self._objective.monitor, instead)
            self._best = self._twin
        session.metrics(self.best_metrics(), self._best.epoch or 0, now)
        self.draw()
        if self._log_model and self._best.epoch is not None:
            last = self.model.get_weights()
            self._best.restore()
            self.log_model(self.best_metrics(), now)
            self.model.set_weights(last)
        nan, stopped = not math.isfinite(loss), own.place.epoch - (self._offset or 0) < self.params["epochs"]
        own.finish("FAILED" if nan else "FINISHED", "nan" if nan else "early_stopping" if stopped else "completed")

    def best_metrics(self) -> dict[str, float]:
        """`best/<m>` of the best epoch so far, and `best/epoch`."""
        return outcome.metrics(self._best)

    def log_model(
        self, metrics: dict[str, float], at: float, dataset: tuple[str, str] | None = None, example: Any = None
    ) -> None:
        """Store the model, which holds the best epoch's weights; arguments as of `outcome.log_model`."""
        example = self._example if example is None else example
        outcome.log_model(self.session, self.model, self._best.epoch or 0, metrics, at, dataset, example)

    def draw(self) -> None:
        """Store the training curves as pictures."""
        outcome.draw(self.session, self.history, self._best.epoch)

    @property
    def _replicas(self) -> int:
        return int(self.model.distribute_strategy.num_replicas_in_sync)

    def _record_speed(self, examples: int) -> None:
        now = time.perf_counter()
        if now - self._clock < 1.0 and self._in_epoch != self.params.get("steps"):
            return
        if examples > self._examples and now > self._clock:
            speed = (examples - self._examples) / (now - self._clock)
            self.session.metric("perf/examples_per_second", speed, self._place.step)
        self._examples, self._clock = examples, now

    def _save_checkpoint(self, name: str) -> None:
        file = self.session.staging / "checkpoints" / f"{name}.npz"
        about = {"epoch": self._place.epoch, "step": self._place.step, "objective": self._best.value}
        self.session.artifact(checkpoint.save(file, self.model, about), "checkpoints")

    def _leave_if_told(self) -> None:
        if self._managed is None and (self._own is None or self._own.session.ended):
            return  # an evaluation outside of fit
        signals = self.session.signals
        signals.beat = time.monotonic()
        if signals.received is None:
            return
        signals.closing = True
        if self._checkpoint_every is not None:
            self._save_checkpoint("last")
        error = Interrupted(signals.received)
        if self._own is not None:
            self._own.fail(error)
        raise error
