"""The Keras callback that records a training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmlflow.objective import Objective, direction
from tfmlflow.tracking.checkpoints.policy import CheckpointPolicy
from tfmlflow.tracking.recording import step_trace
from tfmlflow.tracking.recording.current import Current
from tfmlflow.tracking.recording.guard import Troubles, guarded
from tfmlflow.tracking.recording.own import conclusion
from tfmlflow.tracking.recording.own import run as own_run
from tfmlflow.tracking.recording.own.standalone import Standalone
from tfmlflow.tracking.recording.training import Training
from tfmlflow.tracking.run.checkpoint_index import Entry
from tfmlflow.tracking.run.progress import Progress
from tfmlflow.tracking.run.session import Session
from tfmlflow.tracking.store import names
from tfmlflow.trainer import values
from tfmlflow.trainer.callbacks.best import BestWeights


class TrackingCallback(Current, keras.callbacks.Callback):
    """Records params, metrics, checkpoints and the best model of a `fit` in an MLflow run.

    Adopts the active MLflow run, or opens one and ends it with the training. Given to `evaluate`, it records what that
    has reached as `test/<m>`, in the run of the last `fit` or in one of its own. Whatever goes wrong in it, the
    training goes on.

    Args:
        monitor: Metric by Keras's name that decides the best epoch; without validation its training twin does.
        mode: auto (by what Keras says of the metric, else by its name), min or max.
        log_every: Steps between two points of `batch/*` in the store; each is the mean over these steps. The run's
            `history.parquet` has every step.
        checkpoint_every: Epochs between two checkpoints, or text such as `500 steps`, `10 minutes`; None: none.
        keep_last, keep_best: How many of the newest and of the best checkpoints are kept.
        checkpoint_dir: Where they are kept on this machine too; None: only in the store.
        log_model: Store the best epoch's model as a LoggedModel named `best`; where no epoch is known to be the best,
            the last one's as `last`.
        register_as: Name of a registered model that it becomes a version of; the alias `champion` goes to it if it
            beats the present champion on the same `data_digest` and objective.
        data_digest: Names the content of the data that the objective is measured on.
        run_name: Of a new run.
        example: Input `(n, *input_shape)`, stored with the model; without it the signature is that of the model, and
            of the type that `fit` was given.
        system_metrics: Sample CPU, memory and GPUs meanwhile.
        drain_timeout: Seconds to wait for the store at the end.
        class_names: For metrics that give a number for each class, in their order.
        diff: Record what the working tree differs by from its commit.
        report: Leave a page `report.html` on the training, with what the best weights say of validation arrays; in a
            run of somebody else's, in the folder `fit_1`.
        report_examples: Show the worst of these examples on it, pictures or rows.
        session: The run to write to, where the caller manages it, logs params and models and ends it.

    Attributes:
        input_wait: Gives the share of the epoch that steps have waited for data, by whoever can tell.
        known_checkpoints: Of a managed run, those that are there already.
        kept_best: Of a managed run, what keeps the best epoch.

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
        class_names: Sequence[str] = (),
        diff: bool = True,
        report: bool = True,
        report_examples: bool = False,
        session: Session | None = None,
    ) -> None:
        super().__init__()
        own_run.require(log_every, mode)
        self._monitor, self._mode = names.metric(monitor), mode
        self._policy = CheckpointPolicy.of(checkpoint_every, keep_last, keep_best, checkpoint_dir)
        self._log_every, self._class_names = log_every, tuple(class_names)
        self.options = own_run.Options(
            *(log_model, register_as, data_digest, run_name, example, system_metrics, drain_timeout, diff, report),
            report_examples=report_examples,
            class_names=tuple(class_names),
        )
        self._managed, self._progress = session, Progress()
        self._own: Standalone | None = None
        self.input_wait: Callable[[], float | None] | None = None
        self.known_checkpoints: list[Entry] | None = None
        self.kept_best: BestWeights | None = None
        self._reset()

    @property
    def run_id(self) -> str:
        """Id of the MLflow run."""
        return self.session.run_id

    def set_model(self, model: keras.Model) -> None:
        """Sees to it that each step's own loss is kept, before the training function is traced."""
        super().set_model(model)
        try:
            self._trace = step_trace.install(model)
        except Exception as error:  # a model that is made in its own way leaves no trace
            self._trace = None
            self.trouble("set_model", error)

    @guarded
    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Opens the run, unless it was given."""
        trace, call = self._trace, own_run.how_called(self.model)
        self._reset()
        self._trace = trace
        if self._managed is None:
            self._own = own_run.opened(self.options, self.params)
        self._troubles = Troubles(self.session.missing)
        if self.kept_best is not None and (before := self.kept_best.before) is not None:
            self._progress.epoch, self._progress.step = before.epoch, before.step
        mode = direction(self._monitor, self._mode, values.metric_objects(self.model))
        objective = Objective(self._monitor, mode or "min")
        if self._own is not None:
            own_run.describe(self._own, self.model, self.params, objective, mode, call, self.options)
        self._training = Training(
            *(self.session, self.model, objective, mode is not None),
            self._own.progress if self._own is not None else self._progress,
            *(trace, call),
            own_step=bool(self.params.get("own_step")),
            log_every=self._log_every,
            policy=self._policy,
            class_names=self._class_names,
            best=self.kept_best,
            checkpoints=self._own.checkpoints if self._own is not None else self.known_checkpoints,
            input_wait=self.input_wait,
        )
        if self._training.bare and not self.params.get("own_step"):
            self.on_train_batch_end = self._keep_logs

    @guarded
    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the epoch's clock."""
        if self._going:
            self._going.begin_epoch(epoch)

    @guarded
    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A group of steps begins, so the one before has ended.

        Not `on_train_batch_end`: whoever has one makes Keras wait for the step's metrics.
        """
        if self._going:
            self._going.begin_group()
            self._leave_if_told()

    @guarded
    def _keep_logs(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._going:
            self._going.said(batch, logs or {})

    @guarded
    def on_steps(self, batch: int, numbers: Mapping[str, Any]) -> None:
        """A loop of our own tells the numbers of each step of a group, of which `batch` is the last."""
        if self._going:
            self._going.told_steps(batch, numbers)

    @guarded
    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """The epoch's steps are over."""
        if self._going:
            self._going.pause()

    @guarded
    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A signal need not wait for the end of the validation."""
        self._leave_if_told()

    @guarded
    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Records an evaluation that is no part of a training."""
        if self._going is None and self._managed is None:
            self._own = own_run.evaluated(self._own, self.options, self.params, logs or {}, self._class_names)

    @guarded
    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Records the epoch's metrics and a checkpoint."""
        if self._going:
            self._going.end_epoch(epoch, logs or {})

    @guarded
    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Ends what it has opened, with curves and the best model."""
        training = self._going
        if training is None:
            return
        try:
            training.finish()
        except Exception as error:  # the run has its end all the same
            self.trouble("on_train_end", error)
        self.session.signals.deferred = False
        self._leave_if_told()
        training.settled()
        if self._own is not None:
            stopped = training.trained < self.params.get("epochs", 0)
            conclusion.concluded(
                self._own, self.model, training.epochs, self.options, self._troubles, logs or {}, stopped
            )
