"""What is said to MLflow, so that saying it twice has the effect of once.

The same points, params, tags, inputs and statuses are stored once by MLflow itself; of what is created, a mark is put
on it by which a second attempt finds it.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from tfmlflow.tracking.journal.records import Begin, Dataset, Model, Points
from tfmlflow.tracking.store import experiment_view, registry
from tfmlflow.tracking.store.registry import Notes
from tfmlflow.tracking.store.retry import answered, passing
from tfmlflow.tracking.store.sieve import Sieve
from tfmlflow.tracking.store.store import experiment_id, initialization_lock, reach
from tfmlflow.vocabulary import Tag

LONGEST_PARAM, LONGEST_TAG = 6000, 8000  # characters
DELIVERING = "is being delivered"  # the same, of a run that somebody else ends, as long as there is something to come
THERE, DELETED, UNKNOWN = "there", "deleted", "unknown"


class StoreError(Exception):
    """The store is away, or refuses something; whatever else goes wrong is not its fault.

    Attributes:
        cause: What MLflow has raised.
    """

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def asking(made: Any) -> Any:
    """Let every public method of a class raise nothing but `StoreError`."""

    def wrapped(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def ask(*arguments: Any, **named: Any) -> Any:
            try:
                return method(*arguments, **named)
            except StoreError:
                raise
            except Exception as error:
                raise StoreError(error) from error

        return ask

    for name, method in list(vars(made).items()):
        if callable(method) and not name.startswith("_"):
            setattr(made, name, wrapped(method))
    return made


@asking
class Requests:
    """Says things about runs to one store.

    Every method raises `StoreError`, if it raises.

    Args:
        uri: Of the store, with a login if it needs one.

    Raises:
        Exception: The store does not answer.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        reach(uri)  # else a database that refuses connections is asked for minutes, while others wait for the lock
        with initialization_lock(uri):
            self.client = MlflowClient(uri)
            self.client.search_experiments(max_results=1)  # makes a new database ready

    def reconnect(self) -> None:
        """Open a database anew: a connection that was made while its disk could only be read stays so."""
        with contextlib.suppress(Exception):  # MLflow names no way to do it
            self.client._tracking_client.store.engine.dispose()

    def find_or_create_run(self, begin: Begin, key: str, parent: str | None = None) -> tuple[str, str]:
        """(run id, experiment id) of a run that began while the store was away, or that the store does not know."""
        experiment = experiment_id(self.client, begin.experiment)
        found = self.client.search_runs([experiment], f"tags.`{Tag.LOCAL_ID}` = '{key}'", max_results=1)
        if found:
            return str(found[0].info.run_id), experiment
        tags = {**begin.tags, Tag.LOCAL_ID: key} | ({Tag.PARENT: parent} if parent else {})
        run = self.client.create_run(experiment, begin.time, tags=tags, run_name=begin.name or None)
        return answered(run.info.run_id), experiment

    def whereabouts(self, run_id: str) -> str:
        """Whether the store has the run: `there`, `deleted`, or `unknown` as to a store with another database."""
        try:
            run = self.client.get_run(run_id)
            answered(run.info.run_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return UNKNOWN
            raise
        return DELETED if run.info.lifecycle_stage == "deleted" else THERE

    def log(
        self, run_id: str, points: Sequence[Points], params: Mapping[str, str], tags: Mapping[str, str]
    ) -> list[str]:
        """Points, params and tags; returns why some were refused, which cost only themselves."""
        metrics = [
            Metric(record.key, value, time, step)
            for record in points
            for value, time, step in zip(
                record.values.tolist(), record.times.tolist(), record.steps.tolist(), strict=True
            )
        ]
        named = [Param(key, value[:LONGEST_PARAM]) for key, value in params.items()]
        marks = [RunTag(key, value[:LONGEST_TAG]) for key, value in tags.items()]
        kinds = {"params": named, "metrics": metrics, "tags": marks}
        try:
            if named or metrics or marks:
                self.client.log_batch(run_id, synchronous=True, **kinds)  # in as few requests as MLflow allows
            return []
        except Exception as error:
            if passing(error) or self.whereabouts(run_id) != THERE:
                raise
        sieve = Sieve(self.client, run_id)
        for kind, entries in kinds.items():
            sieve.send(kind, entries)
        return sieve.refused

    def dataset(self, run_id: str, record: Dataset) -> None:
        """Data that the run used."""
        dataset = MlflowDataset(
            name=record.name,
            digest=record.digest,
            source_type="code",
            source=json.dumps({"url": record.source}),
            schema=record.schema,
            profile=record.profile,
        )
        tag = InputTag("mlflow.data.context", record.context)
        self.client.log_inputs(run_id, datasets=[DatasetInput(dataset, [tag])])

    def model(self, run_id: str, experiment_id: str, key: str, record: Model, notes: Notes) -> str:
        """A model; `key` tells it from others, `notes` remember what of it was done.

        Returns:
            Why it is not registered, although it was to be; empty if all is well.
        """
        return registry.store(self.client, run_id, experiment_id, key, record, notes)

    def has_model(self, run_id: str, experiment_id: str, key: str) -> bool:
        """Whether the model with this key is there, whole."""
        return registry.stored(self.client, run_id, experiment_id, key)

    def artifact(self, run_id: str, file: str, folder: str) -> None:
        """A file, in place of an earlier one of its name."""
        self.client.log_artifact(run_id, file, folder or None)

    def withdraw(self, run_id: str, path: str) -> None:
        """Delete an artifact."""
        if ".." in path.split("/"):
            raise ValueError(f"{path}: leads out of the run")  # MLflow does not look
        where = answered(self.client.get_run(run_id).info.artifact_uri)
        get_artifact_repository(where, self.uri).delete_artifacts(path)

    def begin(self, run_id: str) -> None:
        """The run goes on."""
        self.client.update_run(run_id, status="RUNNING")

    def end(self, run_id: str, status: str, time: int) -> None:
        """The run ended; `time` in milliseconds since 1970."""
        self.client.set_terminated(run_id, status, end_time=time)

    def renew_view(self, run_id: str) -> bool:
        """Let the view of the run's experiment show what varies now; whether it has changed."""
        return experiment_view.renew(self.client, run_id)

    def is_running(self, run_id: str) -> bool:
        """Whether nobody has ended the run."""
        run = self.client.get_run(run_id)
        answered(run.info.run_id)
        return bool(run.info.status == "RUNNING")

    def tag(self, run_id: str, key: str) -> str:
        """A tag of the run; empty if it has none."""
        run = self.client.get_run(run_id)
        answered(run.info.run_id)
        return str(run.data.tags.get(key, ""))

    def delete(self, run_id: str) -> None:
        """Take the run back."""
        if self.whereabouts(run_id) == THERE:
            self.client.set_terminated(run_id, "FAILED")
            self.client.delete_run(run_id)

    def forget(self, run_id: str, tag: str) -> None:
        """The run has that tag no more."""
        try:
            self.client.delete_tag(run_id, tag)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # it had no such tag
                raise

    def has_artifact(self, run_id: str, path: str) -> bool:
        """Whether the run has a file at `path`."""
        folder, _, _ = path.rpartition("/")
        return any(entry.path == path for entry in self.client.list_artifacts(run_id, folder or None))

    def download(self, run_id: str, name: str, folder: str) -> str:
        """The path at which an artifact now lies in `folder`."""
        return str(self.client.download_artifacts(run_id, name, folder))
