"""The run and the training that a callback is at."""

from __future__ import annotations

from tfmlflow.tracking.recording import step_trace
from tfmlflow.tracking.recording.afresh import Afresh
from tfmlflow.tracking.recording.epochs import EpochRecorder
from tfmlflow.tracking.recording.guard import Troubles
from tfmlflow.tracking.recording.own.standalone import Standalone
from tfmlflow.tracking.recording.training import Training
from tfmlflow.tracking.run.session import Session


class Current(Afresh):
    """Where a callback stands: its run, given or its own, and the training that is going on or was the last."""

    _managed: Session | None
    _own: Standalone | None

    def _reset(self) -> None:
        self._training: Training | None = None
        self._trace: step_trace.StepTrace | None = None
        self._troubles = Troubles(lambda what: None)
        self.__dict__.pop("on_train_batch_end", None)

    def trouble(self, where: str, error: Exception) -> None:
        """Something went wrong in here: said once, noted in the run; the training goes on."""
        self._troubles.note(where, error)

    @property
    def session(self) -> Session:
        """The run being written."""
        session = self._managed or (self._own.session if self._own is not None else None)
        if session is None:
            raise RuntimeError("TrackingCallback has no run yet; it opens one when fit begins")
        return session

    @property
    def epochs(self) -> EpochRecorder:
        """The epochs of the training that is going on, or was the last."""
        if self._training is None:
            raise RuntimeError("TrackingCallback has seen no epoch yet; it does when fit begins")
        return self._training.epochs

    def last_epoch(self) -> int:
        """Number of the last epoch that has ended, from 1; 0 before the first."""
        return self._training.epochs.ended if self._training is not None else 0

    @property
    def _going(self) -> Training | None:
        """The training that is going on; an evaluation outside of `fit` is none."""
        return None if self._training is None or self._training.over else self._training

    def _leave_if_told(self) -> None:
        told = self._going.told(self.trouble) if self._going else None
        if self._training is None or told is None:
            return
        if self._own is not None:
            self._own.fail(told)
        self._training.over = True
        raise told
