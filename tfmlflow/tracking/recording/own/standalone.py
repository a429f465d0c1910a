"""The run of a training that is not ours: adopts the active MLflow run, or opens one as `mlflow.start_run` does."""

from __future__ import annotations

import atexit
import os
import sys
import uuid
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import mlflow
import numpy as np

from tfmlflow.errors import UsageError
from tfmlflow.tracking.journal.records import Left
from tfmlflow.tracking.provenance.fit_call import FitCall
from tfmlflow.tracking.recording.own import fluent
from tfmlflow.tracking.recording.own.chance import apart
from tfmlflow.tracking.run import opening
from tfmlflow.tracking.run.checkpoint_index import Entry
from tfmlflow.tracking.run.opening import Opened
from tfmlflow.tracking.run.outbox import Outbox
from tfmlflow.tracking.run.progress import Progress
from tfmlflow.tracking.run.session import Session
from tfmlflow.tracking.run.signals import Signals
from tfmlflow.tracking.store import names, store
from tfmlflow.vocabulary import EndReason, Tag

# An exception that is caught is told to nobody but the one who has caught it.
LEFT = "fit was left before its end: by sys.exit, or by an exception that the script has caught"

_places: dict[str, Progress] = {}
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
        again: A run of ours that has ended, and is to be told something more.
        lasts: Whether it lives on beside further trainings, which may write to it.

    Attributes:
        session: The run.
        progress: How far it has come.
        checkpoints: Those that are in the run.
        adopted: Whether somebody else has opened it, or it has ended: its status is not ours to tell.
        described: Params of the training, nested.
        data: What is known of its data, by names for people.
        call: How its `fit` was called, as long as it lasts.
        fitted: Type of the numbers that it was given, where they are an array.
    """

    @apart()
    def __init__(
        self,
        run_name: str | None,
        drain_timeout: float,
        system_metrics: bool,
        fit: Any,
        again: Standalone | None = None,
        lasts: bool = False,
    ) -> None:
        self.lasts = lasts
        self.described: Mapping[str, Any] = {}
        self.data: Mapping[str, Any] = {}
        self.call = FitCall()
        self.fitted: np.dtype[Any] | None = None
        self._give_up_earlier(fit)
        self._opened: Opened
        self._key: str
        self.attempt: int
        uri = store.absolute(mlflow.get_tracking_uri())
        name, tags, local_id = (run_name or "")[: names.LONGEST], opening.complete({}), uuid.uuid4().hex
        group = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "Default"
        active = mlflow.active_run()
        self.adopted = active is not None or again is not None
        if active is not None:
            now = opening.mark_incomplete(uri, str(active.info.run_id))  # MLflow's own copy is as old as the run
            tagged = dict(active.data.tags if now is None else now)
            opened = Opened(active.info.run_id, active.info.experiment_id, tags=tagged)
        elif again is not None:
            opened, local_id = again._opened, again._key
        else:
            known = os.environ.get("MLFLOW_EXPERIMENT_ID")  # as `mlflow.set_experiment` leaves it
            opened = opening.create(uri, group, name, tags, local_id, experiment_id=known)
            if opened.run_id is not None:
                fluent.activate(opened.run_id)
        self._opened, self._fit = opened, fit
        self._key = key = opened.run_id or local_id
        self.progress = _places.setdefault(key, Progress.of(opened.tags or {}))
        self.checkpoints = _checkpoints.setdefault(key, opening.checkpoints(uri, opened))
        if key not in _outboxes:
            _outboxes[key] = Outbox(key, uri)
        self.attempt = again.attempt if again is not None else opened.attempts + 1
        self.session = Session(
            _outboxes[key],
            *(uri, opened, group, name, tags),
            drain_timeout=drain_timeout,
            system_metrics=system_metrics,
            signals=Signals(program=False),
            owned=not self.adopted,
            attempt=self.attempt,
        )
        self.session.signals.__enter__()
        self._hook, self._killed = sys.excepthook, False
        sys.excepthook = self._unhandled
        atexit.register(self._leave)
        _open.append(self)

    @staticmethod
    def _give_up_earlier(fit: Any) -> None:
        """End what an earlier training has left open: its exception was caught by somebody."""
        for earlier in (one for one in list(_open) if not one.lasts):
            if earlier._fit is fit:
                raise UsageError("this fit already has a TrackingCallback; one is enough")
            signalled = earlier.session.signals.received is not None
            if not signalled:
                earlier.session.tags({Tag.ERROR: LEFT})
            earlier._close(*(("KILLED", EndReason.SIGNAL) if signalled else ("FAILED", EndReason.ERROR)))

    def finish(self, status: str, reason: str) -> None:
        """The training has ended; our own run ends with it, an adopted one is its owner's to end."""
        self._close(status, reason)
        if not self.adopted:
            atexit.unregister(self._leave)

    def _close(self, status: str, reason: str) -> None:
        self._release()
        self.session.end(status, reason, terminate=not self.adopted)
        if not self.adopted:
            self._deactivate(status)

    def fail(self, error: BaseException) -> None:
        """The training has ended by an exception that nobody handled, or by a signal.

        After Ctrl-C a run that somebody has opened is still theirs, who may catch it and go on.
        """
        interrupted = isinstance(error, KeyboardInterrupt)
        self._release(keep_hook=interrupted and self.adopted)
        self.session.fail(error, terminate=not (interrupted and self.adopted))
        if not (interrupted and self.adopted):
            self._deactivate(self.session.status)
            self._killed = True

    def _release(self, keep_hook: bool = False) -> None:
        self.call = FitCall()  # which holds the data
        if self in _open:
            _open.remove(self)
        self.session.signals.__exit__(None, None, None)
        if not keep_hook and sys.excepthook == self._unhandled:
            sys.excepthook = self._hook

    def _deactivate(self, status: str) -> None:
        fluent.deactivate(self.session.run_id, status)
        if not self.adopted:
            _outboxes.pop(self._key, None)

    def _unhandled(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> Any:
        self._hook(kind, error, trace)
        if self.session.foreign:
            return
        if not self.session.ended:
            self.fail(error)
        elif isinstance(error, KeyboardInterrupt) and not self._killed:  # nobody has caught it: their run ends by it
            self.session.end_again("KILLED")
            self._deactivate("KILLED")

    def _leave(self) -> None:
        """The process leaves."""
        if self.session.foreign:
            return
        if not self.session.ended:
            # Left in the middle of a training, or its exception was caught and an owner has ended the run since.
            self._release()
            signalled = self.session.signals.received is not None
            status, reason = ("KILLED", EndReason.SIGNAL) if signalled else ("FAILED", EndReason.ERROR)
            if self.lasts and not signalled:  # nobody was in the middle of anything
                status, reason = "FINISHED", EndReason.COMPLETED
            mine = not self.adopted or fluent.is_active(self.session.run_id)
            if mine and status == "FAILED":
                self.session.tags({Tag.ERROR: LEFT})
            self.session.end(status, reason, terminate=mine)
            if mine:
                self._deactivate(status)
        outbox = _outboxes.pop(self._key, None)
        if outbox is not None and self.adopted:
            outbox.put(Left())
            outbox.close()


def lasting() -> list[Standalone]:
    """Those that live on beside further trainings."""
    return [one for one in _open if one.lasts]
