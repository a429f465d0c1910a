"""What names a stored model: a run's id, or how it begins, or a model URI."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tfmlflow.analysis.runs import reading
from tfmlflow.errors import UsageError
from tfmlflow.tracking.store.store import absolute, require

RUN = re.compile(r"[0-9a-f]{4,32}")


@dataclass(frozen=True)
class Fetched:
    """The files of a stored model, on this machine; `run_id` is None where the reference names no run."""

    folder: Path
    uri: str
    run_id: str | None


def fetch(reference: str, store_uri: str | None, place: Path) -> Fetched:
    """Bring the files of a model into the folder `place`.

    Raises:
        UsageError: There is none.
    """
    uri = absolute(store_uri)
    if not (RUN.fullmatch(reference) or set(":/") & set(reference) or Path(reference).exists()):
        raise UsageError(f"{reference}: neither the id of a run, or its first digits, nor a URI such as models:/name/1")
    require(uri)
    mlflow.set_tracking_uri(uri)
    client, run_id = MlflowClient(uri), None
    try:
        model_uri = reference
        if RUN.fullmatch(reference):
            run_id = reading.read(client, ids=[reference])[0].run_id
            model_uri = f"models:/{_best_of(client, run_id)}"
        elif named := re.fullmatch(r"runs:/([0-9a-f]{32})/.+", reference):
            run_id = named[1]
        folder = Path(mlflow.artifacts.download_artifacts(model_uri, dst_path=str(place)))
    except UsageError:
        raise
    except (MlflowException, OSError, ValueError) as error:
        raise none_there(reference, store_uri, error) from error
    return Fetched(folder, model_uri, run_id)


def none_there(reference: str, store_uri: str | None, error: Exception) -> UsageError:
    """Says that a reference leads to no Keras model."""
    return UsageError(
        f"{reference}: no Keras model there in {absolute(store_uri)} ({(str(error).splitlines() or [''])[0]}); "
        "give a run id, or a URI such as models:/name@champion or models:/name/1"
    )


def needs_trust(reference: str, error: Exception, said: str = "--trust") -> UsageError:
    """Says why a model is not read, and what reads it all the same."""
    return UsageError(
        f"{reference}: {error}; reading it would run code out of the store: {said} does, if you trust its author"
    )


def _best_of(client: MlflowClient, run_id: str) -> str:
    outputs = client.get_run(run_id).outputs
    models = outputs.model_outputs if outputs is not None else []
    if not models:
        raise UsageError(f"{run_id}: this run has stored no model (tracking.log_model=false, or it ended before)")
    return str(models[-1].model_id)
