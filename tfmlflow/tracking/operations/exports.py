"""Exports of a model, put into the run that has made it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tfmlflow.errors import UsageError
from tfmlflow.tracking.store import store

FOLDER = "exports"


def log(run_id: str, uri: str | None, to: str, files: Sequence[Path]) -> list[str]:
    """Put them there as `exports/<format>/...`, in place of earlier ones of their names; returns where.

    Raises:
        UsageError: The store does not take them.
    """
    client, places = MlflowClient(store.absolute(uri)), []
    try:
        for file in files:
            where = f"{FOLDER}/{to}"
            if file.is_dir():
                client.log_artifacts(run_id, str(file), f"{where}/{file.name}")
            else:
                client.log_artifact(run_id, str(file), where)
            places.append(f"{where}/{file.name}")
    except (MlflowException, OSError) as error:
        said = (str(error).splitlines() or [""])[0]
        raise UsageError(f"--log: the store does not take {file.name}, which is here all the same: {said}") from None
    return places
