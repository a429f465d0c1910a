"""The run of a training that is not ours: adopts the active MLflow run, or opens one as `mlflow.start_run` does."""

from __future__ import annotations

import atexit
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import mlflow
from mlflow import MlflowClient

from tfmlflow.tracking.session import Session
from tfmlflow.tracking.store import Store, initialization_lock, reach


@dataclass
class Place:
    """How far a run has come, so that a further `fit` in it goes on from there."""

    epoch: int = 0
    step: int = 0
    fits: int = 0


_places: dict[str, Place] = {}
_open: list[Standalone] = []


class Standalone:
    """A session that lives between calls of somebody else's code.

    Without a `with` around the training, an exception is seen by `sys.excepthook`, and a process that leaves in the
    middle of a training by `atexit`.

    Args:
        run_name: Of a new run.
        drain_timeout, system_metrics: As of `Session`.
        fit: The object by which Keras tells its callbacks of this `fit`, the same one for all of them.
    """

    def __init__(self, run_name: str | None, drain_timeout: float, system_metrics: bool, fit: Any) -> None:
        self._give_up_earlier(fit)
        uri = mlflow.get_tracking_uri()
        active = mlflow.active_run()
        self.adopted = active is not None
        if active is None:
            reach(uri)
            with initialization_lock(uri):
                active = mlflow.start_run(run_name=run_name, log_system_metrics=False)
        run = active.info
        self.place = _places.setdefault(run.run_id, Place())
        self.place.fits += 1
        self._fit = fit
        self._status: str | None = None
        store = Store(uri, MlflowClient(uri), run.experiment_id)
        self.session = Session(store, run.run_id, drain_timeout, system_metrics)
        self.session.signals.__enter__()
        self._hook = sys.excepthook
        sys.excepthook = self._unhandled
        atexit.register(self._leave)
        _open.append(self)

    @staticmethod
    def _give_up_earlier(fit: Any) -> None:
        """End what an earlier training has left open: its exception was caught by somebody."""
        for earlier in list(_open):
            if earlier._fit is fit:
                raise ValueError("this fit already has a TrackingCallback; one is enough")
            earlier._release()
            earlier.session.end("FAILED", "error", terminate=not earlier.adopted)
            if not earlier.adopted:
                mlflow.end_run("FAILED")

    def finish(self, status: str, reason: str) -> None:
        """The training has ended; our own run ends with it, an adopted one is its owner's to end."""
        self._release()
        self.session.end(status, reason, terminate=not self.adopted)
        if not self.adopted:
            mlflow.end_run(status)
        atexit.unregister(self._leave)

    def fail(self, error: BaseException) -> None:
        """The training has ended by an exception that nobody handled, or by a signal."""
        self._release()
        self.session.fail(error)
        self._status = "KILLED" if isinstance(error, SystemExit | KeyboardInterrupt) else "FAILED"

    def _release(self) -> None:
        if self in _open:
            _open.remove(self)
        self.session.signals.__exit__(None, None, None)
        if sys.excepthook == self._unhandled:
            sys.excepthook = self._hook

    def _unhandled(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> Any:
        self._hook(kind, error, trace)
        if not self.session.ended:
            self.fail(error)

    def _leave(self) -> None:
        active = mlflow.active_run()
        mine = active is not None and active.info.run_id == self.session.run_id
        if not self.session.ended:
            # Left in the middle of a training, or its exception was caught and an owner has ended the run since.
            self._release()
            signalled = self.session.signals.received is not None
            status, reason = ("KILLED", "signal") if signalled else ("FAILED", "error")
            self.session.end(status, reason, terminate=mine)
            self._status = status if mine else None
        if self._status is not None:
            # MLflow's own end of an active run would say FINISHED, or FAILED after a signal.
            if mine:
                mlflow.end_run(self._status)
            self.session.store.client.set_terminated(self.session.run_id, self._status)
