"""A model out of the store, by its run or its URI."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tfmlflow.analysis.runs import reading
from tfmlflow.data.inputs import names
from tfmlflow.data.record import Data
from tfmlflow.errors import UsageError
from tfmlflow.predictor.preparation import Preparation, Unfit
from tfmlflow.tracking.models import safe_model, stored_example
from tfmlflow.tracking.store.store import absolute, require


@dataclass(frozen=True)
class Stored:
    """A model and where it came from; `run_id` is None for a model of no run.

    `preparation` is what its training data taught, None if there was nothing to learn, or it is not known. `example` are
    raw examples that were stored with it, None if there are none; `size` what its file has, in bytes.
    """

    model: keras.Model
    uri: str
    run_id: str | None
    preparation: Preparation | None = None
    example: Any = None
    size: int = 0


def load(reference: str, store_uri: str | None, trust: bool = False) -> Stored:
    """The Keras model behind a run id, or how it begins (its best model) or a model URI such as models:/name@alias.

    Args:
        reference, store_uri: Where it is.
        trust: Run what the model brings with it: custom objects, lambdas, modules that it names. Otherwise only
            `safe_model` reads it.

    Raises:
        UsageError: There is none, it is no Keras model, or it can be read only by running code.
    """
    uri = absolute(store_uri)
    if not re.fullmatch(r"[0-9a-f]{4,32}|.*[:/].*", reference) and not Path(reference).exists():
        raise UsageError(f"{reference}: neither the id of a run, or its first digits, nor a URI such as models:/name/1")
    require(uri)
    mlflow.set_tracking_uri(uri)
    client, run_id = MlflowClient(uri), None
    try:
        if re.fullmatch(r"[0-9a-f]{4,32}", reference):
            run_id = reading.read(client, ids=[reference])[0].run_id
        model_uri = f"models:/{_best_of(client, run_id)}" if run_id else reference
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(mlflow.artifacts.download_artifacts(model_uri, dst_path=temporary))
            preparation, example = Preparation.read(folder), stored_example.read(folder)
            size = sum(file.stat().st_size for file in folder.rglob("*.keras"))
            if trust:
                options = {"compile": False, "safe_mode": False}
                model = mlflow.tensorflow.load_model(str(folder), keras_model_kwargs=options)
            else:
                model = safe_model.read(folder)
    except UsageError:
        raise
    except safe_model.Unsafe as error:
        raise UsageError(
            f"{reference}: {error}; reading it would run code out of the store: --trust does, if you trust its author"
        ) from error
    except Unfit as error:
        raise UsageError(f"{reference}: {error}") from error
    except (MlflowException, OSError, ValueError) as error:
        raise UsageError(
            f"{reference}: no Keras model there in {uri} ({str(error).splitlines()[0]}); "
            "give a run id, or a URI such as models:/name@champion or models:/name/1"
        ) from error
    if not isinstance(model, keras.Model):
        raise UsageError(f"{reference}: is a {type(model).__name__}, not a Keras model")
    return Stored(model, model_uri, run_id, preparation, example, size)


def require_fit(stored: Stored, data: Data) -> None:
    """Refuse data whose examples or targets have another shape than the model's."""
    gives = tuple(stored.model.output_shape[1:])
    takes: Any = tuple(stored.model.input_shape[1:])
    has: Any = tuple(data.input_shape)
    if data.inputs or len(stored.model.inputs or ()) > 1:
        named = zip(names(stored.model), stored.model.inputs, strict=True)
        takes = {name: tuple(one.shape[1:]) for name, one in named}
        has = {name: tuple(one.shape) for name, one in data.inputs.items() if name in takes} or has
    if takes != has:
        raise UsageError(f"data={data.name}: its examples have the shape {has}, the model takes {takes}")
    wanted = (data.classes,) if data.task == "multiclass" else (1,) if data.task == "binary" else (data.outputs,)
    if gives != wanted:
        raise UsageError(f"data={data.name}: a {data.task} task with outputs {wanted}, the model gives {gives}")


def _best_of(client: MlflowClient, run_id: str) -> str:
    outputs = client.get_run(run_id).outputs
    models = outputs.model_outputs if outputs is not None else []
    if not models:
        raise UsageError(f"{run_id}: this run has stored no model (tracking.log_model=false, or it ended before)")
    return str(models[-1].model_id)
