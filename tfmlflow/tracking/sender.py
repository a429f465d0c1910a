"""The direct sender: a thread that delivers records to the store in batches."""

from __future__ import annotations

import json
import logging
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import DatasetInput, InputTag, LoggedModelOutput, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from requests import RequestException

from tfmlflow.tracking.records import Artifact, Dataset, End, Model, Params, Point, Record, Tags

log = logging.getLogger(__name__)

INTERVAL = 1.0  # seconds between two deliveries
BATCH = 1000  # points in one request, MLflow's limit
FEW = 100  # params or tags in one request, MLflow's limit
LONGEST_PARAM, LONGEST_TAG = 6000, 8000  # characters
LONGEST_PAUSE = 10.0  # seconds between two attempts


class DirectSender:
    """A `Sink` that sends from a thread of this process.

    A request that fails is tried again, with growing pauses, as long as the process or the final flush allows; one that
    the store refuses as wrong costs only itself.

    Args:
        client: Of the store.
        run_id: The run.
        experiment_id: Its experiment, for models.
    """

    def __init__(self, client: MlflowClient, run_id: str, experiment_id: str) -> None:
        self._client, self._run_id, self._experiment_id = client, run_id, experiment_id
        self._records: list[Record] = []
        self._put = self._done = 0
        self._changed = threading.Condition()
        self._wake, self._closed = threading.Event(), threading.Event()
        self._refused: list[str] = []
        self._models: dict[Path, str] = {}
        self._thread = threading.Thread(target=self._deliver_all, name="tfmlflow-sender", daemon=True)
        self._thread.start()

    def put(self, record: Record) -> None:
        """Take a record."""
        with self._changed:
            self._records.append(record)
            self._put += 1

    def flush(self, timeout: float) -> bool:
        """Deliver what is there; whether it was done within `timeout` seconds."""
        self._wake.set()
        with self._changed:
            wanted = self._put
            return self._changed.wait_for(lambda: self._done >= wanted, timeout)

    def close(self, timeout: float) -> bool:
        """Deliver what is there and end the thread."""
        done = self.flush(timeout)
        self._closed.set()
        self._wake.set()
        if done:
            self._thread.join(timeout=INTERVAL)
        return done

    def _deliver_all(self) -> None:
        while not self._closed.is_set():
            self._wake.wait(INTERVAL)
            self._wake.clear()
            with self._changed:
                taken, self._records = self._records, []
            for request in self._requests(taken):
                self._attempt(request)
                if self._closed.is_set():
                    return
            with self._changed:
                self._done += len(taken)
                self._changed.notify_all()

    def _attempt(self, request: Callable[[], None]) -> None:
        pause = 0.5
        while not self._closed.is_set():
            try:
                return request()
            except Exception as error:
                if not passing(error):
                    return self._refuse(error)
                reason = f"{type(error).__name__}: {error}".splitlines()[0]
            if pause > 4:
                log.warning("the MLflow store does not take records (%s); trying again in %.0f s", reason, pause)
            self._closed.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _refuse(self, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:500]
        self._refused.append(reason)
        log.warning("MLflow refused a record: %s", reason)

    def _requests(self, records: Sequence[Record]) -> Iterator[Callable[[], None]]:
        client, run_id = self._client, self._run_id
        points = [Metric(r.key, r.value, r.time, r.step) for r in records if isinstance(r, Point)]
        params = [Param(k, v[:LONGEST_PARAM]) for r in records if isinstance(r, Params) for k, v in r.values.items()]
        tags = {k: RunTag(k, v[:LONGEST_TAG]) for r in records if isinstance(r, Tags) for k, v in r.values.items()}
        files = {(r.folder, r.file.name): r for r in records if isinstance(r, Artifact)}
        yield from (self._batch(params=part) for part in _parts(params, FEW))
        yield from (self._batch(metrics=part) for part in _parts(points, BATCH))
        yield from (self._batch(tags=part) for part in _parts(list(tags.values()), FEW))
        for artifact in files.values():
            yield partial(client.log_artifact, run_id, str(artifact.file), artifact.folder or None)
        for record in records:
            if isinstance(record, Dataset):
                yield partial(self._log_dataset, record)
            elif isinstance(record, Model):
                yield partial(self._log_model, record)
            elif isinstance(record, End):
                if self._refused:
                    refused = "\n".join(self._refused)[:LONGEST_TAG]
                    yield partial(client.set_tag, run_id, "tfmlflow.refused", refused)
                yield partial(client.set_terminated, run_id, record.status)

    def _batch(self, **parts: Sequence[Any]) -> Callable[[], None]:
        def send() -> None:
            try:
                self._client.log_batch(self._run_id, synchronous=True, **parts)
            except MlflowException as error:
                ((kind, entries),) = parts.items()
                if error.get_http_status_code() != 400 or len(entries) == 1:
                    raise
                for entry in entries:  # one of them is wrong: let the others pass
                    self._attempt(self._batch(**{kind: [entry]}))

        return send

    def _log_dataset(self, record: Dataset) -> None:
        dataset = MlflowDataset(
            name=record.name,
            digest=record.digest,
            source_type="code",
            source=json.dumps({"url": record.source}),
            schema=record.schema,
            profile=record.profile,
        )
        tag = InputTag("mlflow.data.context", record.context)
        self._client.log_inputs(self._run_id, datasets=[DatasetInput(dataset, [tag])])

    def _log_model(self, record: Model) -> None:
        client = self._client
        if record.folder not in self._models:  # else this is a further attempt, and the model is there
            made = client.create_logged_model(
                self._experiment_id,
                name=record.name,
                source_run_id=self._run_id,
                params={key: value[:500] for key, value in record.params.items()},
                model_type="keras",
            )
            self._models[record.folder] = str(made.model_id)
        model_id = self._models[record.folder]
        client.log_model_artifacts(model_id, str(record.folder))
        client.finalize_logged_model(model_id, "READY")
        client.log_outputs(self._run_id, [LoggedModelOutput(model_id, record.step)])
        name, digest = record.dataset or (None, None)
        metrics = [
            Metric(key, value, record.time, record.step, model_id, name, digest)
            for key, value in record.metrics.items()
        ]
        client.log_batch(self._run_id, metrics=metrics, synchronous=True)
        shutil.rmtree(record.folder, ignore_errors=True)


def passing(error: Exception) -> bool:
    """Whether the same request may succeed later: the store is away, busy or broken, but the record is not wrong."""
    if isinstance(error, MlflowException):
        status = error.get_http_status_code()
        return status >= 500 or status in (408, 429) or error.error_code == "TEMPORARILY_UNAVAILABLE"
    return isinstance(error, ConnectionError | TimeoutError | RequestException)


def _parts(entries: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(entries), size):
        yield entries[start : start + size]
