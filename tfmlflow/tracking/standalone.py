"""The run of a training that is not ours: adopts the active MLflow run, or opens one as `mlflow.start_run` does."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import time
import uuid
from types import TracebackType
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run

from tfmlflow.tracking import names, opening, store
from tfmlflow.tracking.checkpoints import Checkpoints, Entry
from tfmlflow.tracking.opening import Opened
from tfmlflow.tracking.outbox import Outbox
from tfmlflow.tracking.place import Place
from tfmlflow.tracking.records import Left
from tfmlflow.tracking.session import Session

_places: dict[str, Place] = {}
_checkpoints: dict[str, list[Entry]] = {}
_outboxes: dict[str, Outbox] = {}
_open: list[Standalone] = []


class Standalone:
    """A session that lives between calls of somebody else's code.

    Without a `with` around the training, an exception is seen by `sys.excepthook`, and a process that leaves in the
    middle of a training by `atexit`.

    Args:
        run_name: Of a new run.
        drain_timeout, system_metrics: As of `Session`.
        fit: The object by which Keras tells its callbacks of this `fit`, the same one for all of them.

    Attributes:
        session: The run.
        place: How far it has come.
        checkpoints: Those that are in the run.
        adopted: Whether somebody else has opened it, and ends it.
    """

    def __init__(self, run_name: str | None, drain_timeout: float, system_metrics: bool, fit: Any) -> None:
        self._give_up_earlier(fit)
        uri = store.absolute(mlflow.get_tracking_uri())
        active = mlflow.active_run()
        self.adopted = active is not None
        name, tags, local_id = (run_name or "")[: names.LONGEST], opening.complete({}), uuid.uuid4().hex
        group = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "Default"
        if active is not None:
            opened = Opened(active.info.run_id, active.info.experiment_id, tags=dict(active.data.tags))
        else:
            known = os.environ.get("MLFLOW_EXPERIMENT_ID")  # as `mlflow.set_experiment` leaves it
            opened = opening.create(uri, group, name, tags, local_id, experiment_id=known)
            if opened.run_id is not None:
                with opening.hurried(), contextlib.suppress(Exception):
                    mlflow.start_run(run_id=opened.run_id, log_system_metrics=False)
        key = opened.run_id or local_id
        self.place = _places.setdefault(key, Place.of(opened.tags or {}))
        self.place.fits += 1
        self.checkpoints = _checkpoints.setdefault(key, Checkpoints.known(opened.tags or {}))
        self._fit = fit
        self._status: str | None = None
        if key not in _outboxes:
            _outboxes[key] = Outbox(key, uri)
        self._key = key
        before = int((opened.tags or {}).get("tfmlflow.attempt", 0))
        self.session = Session(
            _outboxes[key],
            *(uri, opened, group, name, tags),
            drain_timeout=drain_timeout,
            system_metrics=system_metrics,
            owned=not self.adopted,
            attempt=before + 1,
        )
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
            earlier._end_active("FAILED")

    def finish(self, status: str, reason: str) -> None:
        """The training has ended; our own run ends with it, an adopted one is its owner's to end."""
        self._release()
        self.session.end(status, reason, terminate=not self.adopted)
        self._end_active(status)
        if not self.adopted:
            atexit.unregister(self._leave)

    def fail(self, error: BaseException) -> None:
        """The training has ended by an exception that nobody handled, or by a signal."""
        self._release()
        self._status = "KILLED" if isinstance(error, SystemExit | KeyboardInterrupt) else "FAILED"
        self.session.fail(error)

    def _release(self) -> None:
        if self in _open:
            _open.remove(self)
        self.session.signals.__exit__(None, None, None)
        if sys.excepthook == self._unhandled:
            sys.excepthook = self._hook

    def _end_active(self, status: str) -> None:
        """Take our own run off MLflow's stack of active ones; the store may be away."""
        if self.adopted:
            return
        _outboxes.pop(self._key, None)
        if self._is_active():
            with opening.hurried(1), contextlib.suppress(Exception):
                mlflow.end_run(status)
                if abs(time.time() - self.session.now()) > 1:  # MLflow has taken the time of a clock that was set
                    MlflowClient().set_terminated(self.session.run_id, status, int(self.session.now() * 1000))

    def _is_active(self) -> bool:
        active: Run | None = mlflow.active_run()
        return active is not None and active.info.run_id == self.session.run_id

    def _unhandled(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> Any:
        self._hook(kind, error, trace)
        if not self.session.ended:
            self.fail(error)

    def _leave(self) -> None:
        """The process leaves."""
        if not self.session.ended:
            # Left in the middle of a training, or its exception was caught and an owner has ended the run since.
            self._release()
            signalled = self.session.signals.received is not None
            status, reason = ("KILLED", "signal") if signalled else ("FAILED", "error")
            mine = not self.adopted or self._is_active()
            self._status = status if mine else None
            self.session.end(status, reason, terminate=mine)
        if self._status is not None and (not self.adopted or self._is_active()):
            # MLflow's own end of an active run would say FINISHED, or FAILED after a signal.
            with opening.hurried(1), contextlib.suppress(Exception):
                if self._is_active():
                    mlflow.end_run(self._status)
        outbox = _outboxes.pop(self._key, None)
        if outbox is not None and self.adopted:
            outbox.put(Left())
            outbox.close()
