"""A session: one run being written, from its opening to its truthful end."""

from __future__ import annotations

import logging
import math
import shutil
import tempfile
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tfmlflow.errors import Interrupted, UsageError
from tfmlflow.tracking import names
from tfmlflow.tracking.records import Artifact, Dataset, End, Model, Params, Point, Sink, Tags, as_param
from tfmlflow.tracking.secrets import MASK, masked, masked_text, secrets_in
from tfmlflow.tracking.sender import DirectSender
from tfmlflow.tracking.signals import Signals
from tfmlflow.tracking.store import Store
from tfmlflow.tracking.system import SystemMetrics

log = logging.getLogger(__name__)


class Session:
    """What a training says about itself, on its way to one MLflow run.

    As a context manager it ends the run by what happened inside: FINISHED, FAILED with the traceback, KILLED after a
    signal, or not at all if the command turned out to be wrong (`UsageError`), when the run is taken back.

    Args:
        store: Where the run is.
        run_id: The run.
        drain_timeout: Seconds to wait at the end for the store.
        system_metrics: Sample the machine meanwhile.
        signals: The handlers of signals, if they are in place already.
        ours: Whether we have opened the run, and may take it back.
    """

    def __init__(
        self,
        store: Store,
        run_id: str,
        drain_timeout: float = 30.0,
        system_metrics: bool = True,
        signals: Signals | None = None,
        ours: bool = True,
    ) -> None:
        self.store, self.run_id = store, run_id
        self.reason = "completed"
        self.signals = signals or Signals()
        self._ours = ours
        self._secrets: set[str] = set()
        self._drain_timeout = drain_timeout
        self._staging = Path(tempfile.mkdtemp(prefix="tfmlflow-"))
        self._sink: Sink = DirectSender(store.client, run_id, store.experiment_id)
        self._system = SystemMetrics(self._sink) if system_metrics else None
        self._params: dict[str, str] = {}
        self._ended = False

    @property
    def staging(self) -> Path:
        """A folder for files on their way."""
        return self._staging

    @property
    def ended(self) -> bool:
        """Whether the run was ended."""
        return self._ended

    def metric(self, key: str, value: float, step: int, at: float | None = None) -> None:
        """One point; `at` in seconds since 1970, now if not given."""
        self._sink.put(Point(names.legal(key), float(value), int(step), int((at or time.time()) * 1000)))

    def metrics(self, values: Mapping[str, float], step: int, at: float | None = None) -> None:
        """Several metrics at one step."""
        for key, value in values.items():
            self.metric(key, value, step, at)

    def params(self, values: Mapping[str, Any]) -> None:
        """Params, nested or by dotted names; secrets are masked."""
        self._secrets |= secrets_in(names.flat(values))
        flat = {names.legal(key): as_param(masked(key, value)) for key, value in names.flat(values).items()}
        fresh = {key: value for key, value in flat.items() if key not in self._params}
        self._params |= fresh
        self._sink.put(Params(fresh))

    def tags(self, values: Mapping[str, Any]) -> None:
        """Tags."""
        self._sink.put(Tags({names.legal(key): str(masked(key, value)) for key, value in values.items()}))

    def artifact(self, file: Path, folder: str = "") -> None:
        """A file; it is read when it is sent, so leave it in place."""
        self._sink.put(Artifact(file, folder))

    def text(self, name: str, content: str, folder: str = "", mask: bool = True) -> None:
        """A text as a file, secrets masked unless every byte counts."""
        file = self._staging / folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._without_secrets(masked_text(content)) if mask else content, encoding="utf-8")
        self.artifact(file, folder)

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def dataset(self, record: Dataset) -> None:
        """Data that the run uses."""
        self._sink.put(record)

    def model(
        self,
        folder: Path,
        name: str,
        step: int,
        metrics: Mapping[str, float],
        at: float,
        dataset: tuple[str, str] | None = None,
    ) -> None:
        """A model saved in `folder`, which is deleted once stored.

        Its metrics stand in the run too; with the time `at` (seconds since 1970) at which `metrics` has put them there,
        MLflow stores them once.
        """
        finite = {names.legal(key): float(value) for key, value in metrics.items() if math.isfinite(value)}
        self._sink.put(Model(folder, name, step, finite, int(at * 1000), dict(self._params), dataset))

    def end(self, status: str, reason: str, terminate: bool = True) -> None:
        """End the run; once only.

        Args:
            status: FINISHED, FAILED or KILLED.
            reason: For the tag `tfmlflow.end_reason`.
            terminate: Set the status in the store; False where somebody else will, who has opened the run.
        """
        self.signals.closing = True
        if self._ended:
            return
        self._ended = True
        if self._system is not None:
            self._system.stop()
        self.tags({"tfmlflow.end_reason": reason})
        if terminate:
            self._sink.put(End(status))
        if self._sink.close(self._drain_timeout):
            shutil.rmtree(self._staging, ignore_errors=True)
        else:
            log.warning(
                "the MLflow store at %s did not take everything within %.0f s; the run %s is incomplete, what is left "
                "of its files is in %s",
                self.store.shown_uri,
                self._drain_timeout,
                self.run_id,
                self._staging,
            )

    def fail(self, error: BaseException, terminate: bool = True) -> None:
        """End the run after an exception that nobody will handle."""
        if isinstance(error, Interrupted | KeyboardInterrupt):
            return self.end("KILLED", "signal", terminate)
        self.signals.closing = True
        self.text("traceback.txt", "".join(traceback.format_exception(error)))
        self.tags({"tfmlflow.error": self._without_secrets(f"{type(error).__name__}: {error}")[:500]})
        self.end("FAILED", "error", terminate)

    def discard(self) -> None:
        """Take our run back: there is nothing to tell about it."""
        self.signals.closing = True
        self._ended = True
        if self._system is not None:
            self._system.stop()
        self._sink.close(self._drain_timeout)
        self.store.client.set_terminated(self.run_id, "FAILED")
        self.store.client.delete_run(self.run_id)
        shutil.rmtree(self._staging, ignore_errors=True)

    def __enter__(self) -> Session:
        self.signals.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.end("FAILED" if self.reason == "nan" else "FINISHED", self.reason)
            elif isinstance(error, UsageError) and self._ours:
                self.discard()
            else:
                self.fail(error)
        finally:
            self.signals.__exit__(kind, error, trace)
