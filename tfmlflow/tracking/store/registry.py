"""A model on its way into the store: LoggedModel, then registry, each made once however often it is tried."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Protocol

from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, Metric
from mlflow.exceptions import MlflowException

from tfmlflow.tracking.journal.records import Model, Registration
from tfmlflow.tracking.store.retry import answered, reason
from tfmlflow.vocabulary import Tag

CHAMPION = "champion"
FORBIDDEN = 403  # by the registry, which has rights of its own


class Notes(Protocol):
    """Remembers, over the death of the shipper, what was done."""

    def has(self, effect: str) -> bool:
        """Whether it was done."""

    def add(self, effect: str) -> None:
        """It was done."""


def store(client: MlflowClient, run_id: str, experiment_id: str, key: str, record: Model, notes: Notes) -> str:
    """Create the LoggedModel of `record`, with files, metrics and registration.

    Args:
        client: Of the store.
        run_id, experiment_id: Whose model it is.
        key: What tells this model from others.
        record: The model.
        notes: Of what was done before, so that large files are sent once.

    Returns:
        Why it is not registered, although it was to be; empty if all is well.
    """
    model_id = _find(client, experiment_id, run_id, key)
    if model_id is None:
        made = client.create_logged_model(
            experiment_id,
            name=record.name,
            source_run_id=run_id,
            tags={Tag.KEY: key},
            params={name: value[:500] for name, value in record.params.items()},
            model_type="keras",
        )
        model_id = answered(made.model_id)
    if not notes.has(f"files {model_id}"):
        client.log_model_artifacts(model_id, record.folder)
        notes.add(f"files {model_id}")
    client.finalize_logged_model(model_id, "READY")
    outputs = client.get_run(run_id).outputs  # said twice it is an error
    if outputs is None or model_id not in {output.model_id for output in outputs.model_outputs}:
        client.log_outputs(run_id, [LoggedModelOutput(model_id, record.step)])
    name, digest = record.dataset or (None, None)
    metrics = [
        Metric(metric, value, record.time, record.step, model_id, name, digest)
        for metric, value in record.metrics.items()
    ]
    client.log_batch(run_id, metrics=metrics, synchronous=True)
    refused = _refused(client, run_id, model_id, record.registration) if record.registration is not None else ""
    _supersede(client, run_id, experiment_id, record.name, model_id)
    return refused


def _refused(client: MlflowClient, run_id: str, model_id: str, wanted: Registration) -> str:
    """Register the model; why the registry does not let us, although the store does. Empty if it is registered."""
    try:
        register(client, run_id, model_id, wanted)
    except MlflowException as error:
        if int(error.get_http_status_code()) != FORBIDDEN:
            raise
        answered(client.get_run(run_id).info.run_id)  # else it is the login, which somebody may set right
        version: str | None = None
        with contextlib.suppress(MlflowException):
            version = _version_of(client, wanted.name, client.get_logged_model(model_id).artifact_location)
        made = f"version {version} of {wanted.name}, but not compared with its champion"
        return f"{made if version else f'not registered as {wanted.name}'}: permission denied, {reason(error)}"
    return ""


def _supersede(client: MlflowClient, run_id: str, experiment_id: str, name: str, model_id: str) -> None:
    """A run has one model of a name: what an earlier `fit` has left is deleted, unless it is, or may be, registered."""
    wanted = f"source_run_id = '{run_id}' AND name = '{name}'"
    found = client.search_logged_models([experiment_id], filter_string=wanted)
    earlier = [str(other.model_id) for other in found if Tag.KEY in other.tags and other.model_id != model_id]
    if earlier:
        try:
            registered = {version.model_id for version in client.search_model_versions(f"run_id = '{run_id}'")}
        except MlflowException as error:
            if int(error.get_http_status_code()) != FORBIDDEN:
                raise
            return
        for other in earlier:
            if other not in registered:
                client.delete_logged_model(other)


def register(client: MlflowClient, run_id: str, model_id: str, wanted: Registration) -> str:
    """Make a version of the model; the alias `champion` goes to it only if it beats the present one.

    Returns:
        The version.
    """
    try:
        client.create_registered_model(wanted.name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    location = client.get_logged_model(model_id).artifact_location
    version = _version_of(client, wanted.name, location)
    if version is None:
        tags = {
            Tag.OBJECTIVE: wanted.metric,
            Tag.OBJECTIVE_MODE: wanted.mode,
            Tag.OBJECTIVE_VALUE: repr(wanted.value),
            **({Tag.DATA_DIGEST: wanted.digest} if wanted.digest else {}),
        }
        made = client.create_model_version(
            wanted.name, location, run_id=run_id, tags=tags, model_id=model_id, await_creation_for=0
        )
        version = answered(made.version)
    champion = _champion(client, wanted.name)
    if champion is not None and champion[0] == version:
        return version
    wins, why = _compare(wanted, champion)
    client.set_model_version_tag(wanted.name, version, Tag.CHAMPION_REASON, why)
    if wins:
        client.set_registered_model_alias(wanted.name, CHAMPION, version)
    return version


def _compare(wanted: Registration, champion: tuple[str, dict[str, str]] | None) -> tuple[bool, str]:
    """Whether the new version takes the alias, and why."""
    mine = f"{wanted.metric}={wanted.value:.6g}"
    if champion is None:
        return True, f"champion: {mine}, there was none before"
    version, tags = champion
    metric, mode = tags.get(Tag.OBJECTIVE), tags.get(Tag.OBJECTIVE_MODE)
    if metric != wanted.metric or mode != wanted.mode:
        return False, f"not compared: version {version}, the champion, is by {metric} ({mode}), this one by {mine}"
    digest = tags.get(Tag.DATA_DIGEST)
    if wanted.digest is None or digest != wanted.digest:
        why = f"not compared: version {version}, the champion, was measured on data {digest}, not {wanted.digest}"
        return False, why
    theirs = float(tags.get(Tag.OBJECTIVE_VALUE, "nan"))
    better = wanted.value > theirs if wanted.mode == "max" else wanted.value < theirs
    if better:
        return True, f"champion: {mine} beats {theirs:.6g} of version {version} on data {digest}"
    return False, f"{mine} does not beat {theirs:.6g} of version {version}, the champion, on data {digest}"


def _champion(client: MlflowClient, name: str) -> tuple[str, dict[str, str]] | None:
    try:
        version = client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    return str(version.version), dict(version.tags)


def _version_of(client: MlflowClient, name: str, location: str) -> str | None:
    found = client.search_model_versions(f"name = '{name}' AND source_path = '{location}'", max_results=1)
    return str(found[0].version) if found else None


def _find(client: MlflowClient, experiment_id: str, run_id: str, key: str) -> str | None:
    wanted = f"source_run_id = '{run_id}' AND tags.`{Tag.KEY}` = '{key}'"
    found = client.search_logged_models([experiment_id], filter_string=wanted, max_results=1)
    return str(found[0].model_id) if found else None


def stored(client: MlflowClient, run_id: str, experiment_id: str, key: str) -> bool:
    """Whether the LoggedModel with this key is there, whole."""
    model_id = _find(client, experiment_id, run_id, key)
    return model_id is not None and str(client.get_logged_model(model_id).status) in (
        "READY",
        "LoggedModelStatus.READY",
    )


def exists(record: Model) -> bool:
    """Whether the model's files are still there: they are deleted once stored."""
    return Path(record.folder, "MLmodel").is_file()
