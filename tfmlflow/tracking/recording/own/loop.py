"""The run of a loop of one's own: what `tfmlflow.track` gives, and writes to as the callback does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import mlflow

from tfmlflow.errors import UsageError
from tfmlflow.tracking.provenance import datasets
from tfmlflow.tracking.provenance.fit_call import FitCall
from tfmlflow.tracking.recording.guard import guarded
from tfmlflow.tracking.recording.own import run as own_run
from tfmlflow.tracking.recording.own.chance import apart
from tfmlflow.tracking.recording.own.late import LatePoints
from tfmlflow.tracking.recording.own.run_files import RunFiles
from tfmlflow.tracking.recording.own.standalone import Standalone, lasting
from tfmlflow.vocabulary import EndReason

log = logging.getLogger(__name__)


class Tracked(RunFiles):
    """A run that a loop of one's own writes to. Nothing of it waits for the store, and none of it fails the loop.

    As a context manager it ends the run by what happened inside: FINISHED, FAILED with the traceback, or KILLED after a
    signal. `end` does so where there is no `with`. An active MLflow run is adopted, and stays its owner's to end.

    Args:
        name: Of a new run.
        params, tags: Of the run.
        log_every: Steps between two points of `batch/*` in the store, each their mean; `history.parquet` has every one.
        system_metrics: Sample CPU, memory and GPUs meanwhile.
        drain_timeout: Seconds to wait for the store at the end.
        diff: Record what the working tree differs by from its commit.

    Raises:
        UsageError: Another run is being tracked, or the store answers, and refuses.

    Example:
        with tfmlflow.track("gan", params={"latent": 64}) as run:
            for step in range(1, 101):
                run.log({"batch/loss": 1 / step}, step=step)
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        log_every: int = 1,
        system_metrics: bool = True,
        drain_timeout: float = 30.0,
        diff: bool = True,
    ) -> None:
        if log_every < 1:
            raise ValueError(f"log_every={log_every}: must be at least 1")
        active = mlflow.active_run()
        if any(active is not None and one.session.opened.run_id == active.info.run_id for one in lasting()):
            raise UsageError("tfmlflow.track: a run is being tracked already; end it first, or log to it")
        self._own = Standalone(name, drain_timeout, system_metrics, self, lasts=True)
        super().__init__(self._own.session)
        self._points = LatePoints(self.session, log_every, self._refused, self.trouble)
        self.session.before_end = self._points.close
        self._meanwhile(lambda: own_run.environment(self.session, diff))
        self.log_params(params or {})
        self.set_tags(tags or {})

    @property
    def run_id(self) -> str:
        """Id of the MLflow run."""
        return self.session.run_id

    @guarded
    def log(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Record metrics at a step; costs microseconds.

        Args:
            metrics: Numbers, tensors (read later, in another thread), or vectors, whose numbers become `<name>/0`, ...
                Names as `batch/loss` for every step, `train/loss` and `val/loss` for an epoch.
            step: Of the training, or number of the epoch or episode; None: the one after the metric's last.
        """
        self._points.take(metrics, step)

    @guarded
    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record params, nested or by dotted names; secrets among them are masked."""
        self.session.params(params)

    @guarded
    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags."""
        self.session.tags(tags)

    @guarded
    def log_dataset(self, x: Any, y: Any = None, *, digest: str | None = None) -> None:
        """Record what is trained on: sizes, shapes, and of arrays a digest of their content, in another thread.

        Args:
            x, y: Arrays `(n, ...)`, several of them, or a `tf.data.Dataset`.
            digest: Of the content, where it is known.
        """

        def describe() -> None:
            if (record := datasets.of_fit(FitCall(x, y), digest)) is not None:
                self.session.dataset(record)

        self._meanwhile(describe)

    @guarded
    @apart()
    def log_model(
        self,
        model: Any,
        name: str = "best",
        *,
        step: int = 0,
        metrics: Mapping[str, float] | None = None,
        example: Any = None,
    ) -> None:
        """Store a Keras model with its weights as they are now, as a LoggedModel.

        Args:
            model: A built `keras.Model`.
            name: Of the LoggedModel.
            step: Where the training is.
            metrics: What the model has reached.
            example: Input `(n, *input_shape)`, stored with it; without it the signature is read off the model.
        """
        from tfmlflow.tracking.recording import results

        reached, now = dict(metrics or {}), self.session.now()
        self.session.metrics(reached, step, now)
        results.log_model(self.session, model, step, reached, now, None, example, None, name)

    def flush(self) -> bool:
        """Wait until this machine's disk has everything that was said; whether it has."""
        self._points.read()
        return self.session.flush()

    def end(self, status: str = "FINISHED") -> None:
        """End the run: FINISHED, FAILED or KILLED; once only."""
        reasons = {"FINISHED": EndReason.COMPLETED, "FAILED": EndReason.ERROR, "KILLED": EndReason.SIGNAL}
        if status not in reasons:
            raise ValueError(f"status={status!r}: must be FINISHED, FAILED or KILLED")
        if not self.session.ended:
            self._own.finish(status, reasons[status])

    def __enter__(self) -> Tracked:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.session.ended or self.session.foreign:
            return
        if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
            self.end()
        else:
            self._own.fail(error)

    def _refused(self, key: str, what: str) -> None:
        log.warning("the metric %s is %s, which cannot be recorded", key, what)
        self.session.missing(f"the metric {key}, which is {what}")

    def _meanwhile(self, task: Callable[[], None]) -> None:
        thread = threading.Thread(target=own_run.quietly, args=(task,), name="tfmlflow-describe", daemon=True)
        thread.start()
        self.session.unfinished.append(thread)


track = Tracked
