"""A training that is going on: what its steps and epochs leave in the run, and whether a signal ends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from tfmlflow.objective import Objective
from tfmlflow.tracking.checkpoints.checkpoints import Checkpoints
from tfmlflow.tracking.checkpoints.policy import CheckpointPolicy
from tfmlflow.tracking.provenance.fit_call import FitCall
from tfmlflow.tracking.recording import phases
from tfmlflow.tracking.recording.epochs import EpochRecorder
from tfmlflow.tracking.recording.own import run as own_run
from tfmlflow.tracking.recording.step_trace import StepTrace
from tfmlflow.tracking.recording.steps import StepRecorder
from tfmlflow.tracking.run.checkpoint_index import Entry
from tfmlflow.tracking.run.progress import Progress
from tfmlflow.tracking.run.session import Session
from tfmlflow.trainer import values
from tfmlflow.trainer.callbacks.best import BestWeights

FIRST_STEP = 60.0  # seconds that tracing and compiling may take before the first step


class Training:
    """One call of `fit`, as its callback hears of it.

    Args:
        session: The run.
        model: That is trained.
        objective: Decides which epoch is the best.
        known: Whether it is known which direction of the objective is better; else no epoch is the best.
        progress: How far the run has come, kept up to date.
        trace: Of the model's steps, or None if they leave none.
        call: How `fit` was called.
        own_step: Whether its steps are not those of Keras.
        log_every: Steps between two stored points.
        policy: Which checkpoints are taken and kept.
        class_names, best: As of `EpochRecorder`.
        checkpoints: Those that are in the run already; kept up to date.
        input_wait: Gives the share of the epoch that steps have waited for data.

    Attributes:
        bare: Whether its steps may leave no trace, so that Keras must be asked what it knows of them.
        epochs: What its epochs have reached.
        over: Whether it has ended.
    """

    def __init__(
        self,
        session: Session,
        model: keras.Model,
        objective: Objective,
        known: bool,
        progress: Progress,
        trace: StepTrace | None,
        call: FitCall,
        *,
        own_step: bool = False,
        log_every: int,
        policy: CheckpointPolicy,
        class_names: Sequence[str] = (),
        best: BestWeights | None = None,
        checkpoints: list[Entry] | None = None,
        input_wait: Callable[[], float | None] | None = None,
    ) -> None:
        self.over = False
        self.bare = own_step or trace is None or type(model).train_step is not keras.Model.train_step
        self.epochs = EpochRecorder(model, objective, progress, known, class_names, best)
        self._session, self._model, self._progress = session, model, progress
        self._offset: int | None = None
        group, self._rate = int(model.steps_per_execution), own_run.learning_rate(model)
        self._steps = StepRecorder(session, trace, progress.step, log_every, group, call.batch_size, self._rate)
        self._steps.input_wait = input_wait or (lambda: None)
        self._checkpoints = Checkpoints(session, objective, policy, checkpoints)
        self._signals = session.signals
        self._signals.deferred, self._signals.beat = True, time.monotonic() + FIRST_STEP
        session.before_end = self.leave

    @property
    def trained(self) -> int:
        """Epochs of this `fit`."""
        return self._progress.epoch - (self._offset or 0)

    def begin_epoch(self, epoch: int) -> None:
        """Epoch `epoch` of this `fit` begins, from 0."""
        if self._offset is None:  # a further fit goes on after the last epoch, unless it says itself where it is
            self._offset = max(0, self._progress.epoch - epoch)
        self._steps.begin_epoch()

    def begin_group(self) -> None:
        """A group of steps begins, so the one before has ended."""
        self._steps.begin_group()
        if self._checkpoints.due(self._steps.reckoned):
            self._steps.read()
            self._checkpoints.after_steps(self._model, self._progress.epoch, self._steps.step)

    def said(self, batch: int, logs: Mapping[str, Any]) -> None:
        """What Keras has said of a batch, of a model whose steps leave no trace."""
        self._steps.fallback[batch] = values.scalars(logs)

    def told_steps(self, batch: int, numbers: Mapping[str, Any]) -> None:
        """What the steps of a group, of which `batch` is the last, have told: arrays `(steps,)`."""
        self._steps.fallback[batch] = numbers

    def pause(self) -> None:
        """The epoch's steps are over."""
        self._steps.pause()

    def end_epoch(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Record the epoch's metrics and a checkpoint."""
        self._steps.pause()
        self._steps.end_epoch()
        progress = self._progress
        progress.epoch, progress.step = (self._offset or 0) + epoch + 1, self._steps.step
        reached = self.epochs.record(self._session, progress.epoch, logs)
        phases.record(self._session, self._model, progress.epoch)
        self._checkpoints.after_epoch(self._model, progress.epoch, progress.step, reached, self.epochs.logs)
        self._session.tags(progress.as_tag())
        self._session.soon()
        if (rate := self._rate()) is not None:
            self.epochs.rates.append((progress.epoch, rate))

    def finish(self) -> None:
        """Its last step was taken."""
        self._progress.step = self._steps.step
        self._steps.pause()
        self._steps.finish()
        self._progress.step = self._steps.step

    def told(self, trouble: Callable[[str, Exception], None]) -> BaseException | None:
        """What a signal that has come makes of it, after a checkpoint; None without one.

        Args:
            trouble: Takes a failure to write the checkpoint.
        """
        self._signals.beat = time.monotonic()
        if not self._signals.stop or self._session.foreign:
            return None
        self._signals.closing = True
        try:
            self._steps.pause()
            self._checkpoints.save_now(self._model, self._progress.epoch, self._steps.step, self.epochs.logs)
        except Exception as error:
            trouble("the checkpoint after a signal", error)
        return self._signals.error()

    def settled(self) -> None:
        """Wait until its checkpoints are on the disk: it is over."""
        self.over = True
        self._checkpoints.finish()

    def leave(self) -> None:
        """The run ends, perhaps in the middle of a step."""
        if not self.over:
            self._steps.leave()
        self._checkpoints.finish()
