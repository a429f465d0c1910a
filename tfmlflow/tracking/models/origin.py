"""The run that a stored model is of, and what it says of the data; loads no TensorFlow."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tfmlflow.analysis.runs import reading
from tfmlflow.errors import UsageError
from tfmlflow.tracking.store.store import absolute, require
from tfmlflow.vocabulary import File, Tag

ID = r"[0-9a-f]{4,32}"
LONGEST = 1 << 20  # bytes of a config


@dataclass(frozen=True)
class Origin:
    """Where a model is from.

    Attributes:
        reference: Of the model: the whole id of its run, or its URI.
        fixed: Whether the same reference is the same model tomorrow, as that of an alias is not.
        run_id, name, experiment: Of its run; None of a model of no run.
        settings: The config that the run was trained with, as it was composed; empty if it has recorded none.
        digest: Names its data; empty if the run does not say.
    """

    reference: str
    fixed: bool = True
    run_id: str | None = None
    name: str = ""
    experiment: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""


def find(reference: str, store_uri: str | None) -> Origin:
    """The run behind a run id, how it begins, or a model's URI.

    Raises:
        UsageError: There is no such run or model, or the run has stored none.
    """
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    uri = absolute(store_uri)
    require(uri)
    client = MlflowClient(uri)
    try:
        run_id = reference if re.fullmatch(ID, reference) else _run_of(client, reference)
    except MlflowException as error:
        raise UsageError(f"compress.from={reference}: {str(error).splitlines()[0]}") from error
    fixed = "@" not in reference and not reference.endswith("/latest")
    if run_id is None:
        return Origin(reference, fixed, name=reference)
    try:
        run = reading.read(client, ids=[run_id])[0]
    except UsageError as error:
        raise UsageError(f"compress.from={error}") from None
    if run_id == reference and not run.models:
        raise UsageError(
            f"compress.from={reference}: this run has stored no model; one that does has tracking.log_model=true and "
            "has come to its end"
        )
    whole = run.run_id if run_id == reference else reference
    return Origin(whole, fixed, run.run_id, run.name, run.experiment, _settings(client, run.run_id), run.digest)


def recorded(run_id: str, store_uri: str | None) -> tuple[Mapping[str, Any], str]:
    """The config that a run was trained with, and what names its data; empty what it has not recorded."""
    client = MlflowClient(absolute(store_uri))
    tags: Mapping[str, Any] = {}
    with contextlib.suppress(MlflowException):
        tags = client.get_run(run_id).data.tags
    return _settings(client, run_id), str(tags.get(Tag.DATA_DIGEST, ""))


def _run_of(client: MlflowClient, reference: str) -> str | None:
    """Of a model's URI; None if it is of no run, or not in this store."""
    if found := re.fullmatch(rf"runs:/({ID})/.+", reference):
        return found[1]
    if found := re.fullmatch(r"models:/(m-[0-9a-f]+)", reference):
        return str(client.get_logged_model(found[1]).source_run_id or "") or None
    if found := re.fullmatch(r"models:/([^/@]+)@([^/@]+)", reference):
        return str(client.get_model_version_by_alias(found[1], found[2]).run_id or "") or None
    if found := re.fullmatch(r"models:/([^/@]+)/(\d+)", reference):
        return str(client.get_model_version(found[1], found[2]).run_id or "") or None
    return None


def _settings(client: MlflowClient, run_id: str) -> Mapping[str, Any]:
    for path in (File.COMPRESSED_CONFIG, File.CONFIG):
        with tempfile.TemporaryDirectory() as folder, contextlib.suppress(MlflowException, OSError, yaml.YAMLError):
            if path.rsplit("/", 1)[0] not in {one.path for one in client.list_artifacts(run_id)}:
                continue
            file = Path(client.download_artifacts(run_id, path, folder))
            if file.stat().st_size <= LONGEST and isinstance(read := yaml.safe_load(file.read_text("utf-8")), dict):
                return read
    return {}
