"""A session: one run being written, from its opening to its truthful end."""

from __future__ import annotations

import logging
import signal
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from types import TracebackType

from tfmlflow.errors import Interrupted, UsageError
from tfmlflow.masking import masked_text
from tfmlflow.tracking.journal.liveness import Process
from tfmlflow.tracking.journal.records import Begin, End
from tfmlflow.tracking.run.opening import Opened
from tfmlflow.tracking.run.outbox import Outbox
from tfmlflow.tracking.run.run_log import RunLog
from tfmlflow.tracking.run.signals import Signals
from tfmlflow.tracking.store import store
from tfmlflow.vocabulary import EndReason, Tag

log = logging.getLogger(__name__)

DESCRIBED = 5.0  # seconds that the end waits for what is still to be found out of data and code
HASTE = 3.0  # seconds that the exit waits for the store after a signal
# Status of a training that has ended by itself, by its reason.
ENDS: dict[str, str] = {
    EndReason.NAN: "FAILED",
    EndReason.ERROR: "FAILED",
    EndReason.TIME_BUDGET: "KILLED",
    EndReason.TIMEOUT: "KILLED",
}


class Session(RunLog):
    """What a training says about itself, on its way to one MLflow run.

    As a context manager it ends the run by what happened inside: FINISHED, FAILED with the traceback, KILLED after a
    signal, or not at all if the command turned out to be wrong (`UsageError`), when the run is taken back.

    Args:
        outbox: Where it is said.
        uri: Of the store.
        opened: What is known of the run.
        experiment, name, tags: For a run that is still to be created.
        drain_timeout: Seconds to wait at the end for the store.
        system_metrics: Have the trainer measured meanwhile.
        signals: The handlers of signals, if they are in place already.
        ours: Whether we have opened the run, and may take it back.
        owned: Whether we end the run.
        attempt: How many times the run was begun, this one included.
        parent: Name in the spool of its parent run, where that one's id is not known yet.

    Attributes:
        reason: For the tag `tfmlflow.end_reason`.
        status, error: How it has ended, and in one line why.
        why_stopped: Asked when a signal has come, for a reason that whoever sent it has left.
        before_end: Called before the end is said, for what is still to be said then.
        unfinished: Threads that have something to say of the run, and are waited for at its end.
    """

    def __init__(
        self,
        outbox: Outbox,
        uri: str,
        opened: Opened,
        experiment: str,
        name: str,
        tags: Mapping[str, str],
        drain_timeout: float = 30.0,
        system_metrics: bool = True,
        signals: Signals | None = None,
        ours: bool = True,
        owned: bool = True,
        attempt: int = 1,
        parent: str | None = None,
    ) -> None:
        super().__init__(outbox)
        self.uri, self.opened = uri, opened
        self.reason: str = EndReason.COMPLETED
        self.status, self.error = "RUNNING", ""
        self.before_end: Callable[[], None] = lambda: None
        self.why_stopped: Callable[[], str | None] = lambda: None
        self.unfinished: list[threading.Thread] = []
        self.signals = signals or Signals()
        self._ours, self._owned = ours, owned
        self._drain_timeout = drain_timeout
        self._ended = False
        self._put(
            Begin(
                uri=store.shown(uri),
                experiment=experiment,
                experiment_id=opened.experiment_id,
                run_id=opened.run_id,
                name=name,
                tags=dict(tags),
                process=Process.current(),
                time=int(self.now() * 1000),
                owned=owned,
                sampled=system_metrics,
                attempt=attempt,
                parent=parent,
            )
        )
        self.tags({Tag.ATTEMPT: attempt})
        outbox.start()
        if opened.away:
            log.warning(
                "the MLflow store does not answer: %s. The training goes on; the run is kept in %s and delivered when "
                "the store is back, or by `tfmlflow sync`",
                *(opened.away, outbox.folder.path),
            )

    @property
    def run_id(self) -> str:
        """Id of the MLflow run; of one that was not created yet, its name in the spool."""
        return self.opened.run_id or self._outbox.run_id or self.key

    @property
    def key(self) -> str:
        """The run's name in the spool."""
        return self._outbox.folder.key

    @property
    def location(self) -> str:
        """Where a person finds the run."""
        if self.opened.experiment_id is None:
            return f"{self._outbox.folder.path} until {store.shown(self.uri)} answers; `tfmlflow sync` delivers it"
        return store.address(self.uri, self.opened.experiment_id, self.run_id)

    @property
    def ended(self) -> bool:
        """Whether the run was ended."""
        return self._ended

    @property
    def foreign(self) -> bool:
        """Whether this process was forked from the one that writes the run."""
        return self._outbox.foreign

    def end(self, status: str, reason: str, terminate: bool = True) -> None:
        """End the run; once only.

        Args:
            status: FINISHED, FAILED or KILLED.
            reason: For the tag `tfmlflow.end_reason`.
            terminate: Set the status in the store; False where somebody else will, who has opened the run.
        """
        self.signals.closing = True
        if self._ended or self.foreign:
            return
        self._ended = True
        self.status, self.reason = status, reason
        self.before_end()
        deadline = time.monotonic() + DESCRIBED
        for thread in self.unfinished:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.tags({Tag.END_REASON: reason})
        self._put(End(status if terminate else None, int(self.now() * 1000)))
        timeout = self._drain_timeout if status != "KILLED" else min(HASTE, self._drain_timeout)
        done = self._outbox.close(timeout) if self._owned else self._outbox.deliver(timeout)
        if not done:
            why = f": {self._outbox.why}" if self._outbox.why else ""
            log.warning(
                "the run is not complete in the MLflow store at %s after %.0f s%s. What is missing is in %s; it is "
                "delivered in the background, and `tfmlflow sync` shows it and waits for it",
                *(store.shown(self.uri), timeout, why, self._outbox.folder.path),
            )

    def end_again(self, status: str) -> None:
        """What has ended without a status, as of somebody else's run, has one after all."""
        self.status = status
        self._put(End(status, int(self.now() * 1000)))
        self._outbox.deliver(min(HASTE, self._drain_timeout))

    def fail(self, error: BaseException, terminate: bool = True) -> None:
        """End the run after an exception that nobody will handle."""
        received = self.signals.received
        if isinstance(error, Interrupted | KeyboardInterrupt) or (isinstance(error, SystemExit) and received):
            self.error = f"stopped by {signal.Signals(received or signal.SIGINT).name}"
            self.tags({Tag.ERROR: self.error})
            return self.end("KILLED", self.why_stopped() or EndReason.SIGNAL, terminate)
        self.signals.closing = True
        self.text("traceback.txt", "".join(traceback.format_exception(error)))
        self.error = self.without_secrets(masked_text(" ".join(f"{type(error).__name__}: {error}".split())))[:500]
        self.tags({Tag.ERROR: self.error})
        full = isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"  # TensorFlow's
        self.end("FAILED", EndReason.OUT_OF_MEMORY if full else EndReason.ERROR, terminate)

    def discard(self) -> None:
        """Take our run back: there is nothing to tell about it."""
        self.signals.closing = True
        self._ended = True
        self._put(End("FAILED", int(self.now() * 1000), discard=True))
        self._outbox.close(self._drain_timeout)

    def __enter__(self) -> Session:
        self.signals.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.end(ENDS.get(self.reason, "FINISHED"), self.reason)
            elif isinstance(error, UsageError) and self._ours:
                self.discard()
            else:
                self.fail(error)
        finally:
            self.signals.__exit__(kind, error, trace)
