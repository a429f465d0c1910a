"""A model out of the store, by its run or its URI."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import mlflow
from mlflow.exceptions import MlflowException

from tfmlflow.data.inputs import names
from tfmlflow.data.record import Data
from tfmlflow.errors import UsageError
from tfmlflow.predictor.preparation import Preparation, Unfit
from tfmlflow.tracking.models import reference, safe_model, stored_example


@dataclass(frozen=True)
class Stored:
    """A model and where it came from; `run_id` is None where no run was named.

    `preparation` is what its training data taught, None if there was nothing to learn, or it is not known. `example`
    are raw examples that were stored with it, None if there are none; `size` what its file has, in bytes.
    """

    model: keras.Model
    uri: str
    run_id: str | None
    preparation: Preparation | None = None
    example: Any = None
    size: int = 0


def load(named: str, store_uri: str | None, trust: bool = False, said: str = "--trust") -> Stored:
    """The Keras model behind a run id, or how it begins (its best model) or a model URI such as models:/name@alias.

    Args:
        named, store_uri: Where it is.
        said: How a user says the next.
        trust: Run what the model brings with it: custom objects, lambdas, modules that it names. Otherwise only
            `safe_model` reads it.

    Raises:
        UsageError: There is none, it is no Keras model, or it can be read only by running code.
    """
    try:
        with tempfile.TemporaryDirectory() as temporary:
            found = reference.fetch(named, store_uri, Path(temporary))
            preparation, example = Preparation.read(found.folder), stored_example.read(found.folder)
            size = sum(file.stat().st_size for file in found.folder.rglob("*.keras"))
            if trust:
                options = {"compile": False, "safe_mode": False}
                model = mlflow.tensorflow.load_model(str(found.folder), keras_model_kwargs=options)
            else:
                model = safe_model.read(found.folder)
    except UsageError:
        raise
    except safe_model.Unsafe as error:
        raise reference.needs_trust(named, error, said) from error
    except Unfit as error:
        raise UsageError(f"{named}: {error}") from error
    except TypeError as error:
        why = str(error).splitlines()[0][:200]
        fix = "@keras.saving.register_keras_serializable() above a class, before it is stored, lets it be found"
        raise UsageError(f"{named}: Keras does not know what it is made of: {why}; {fix}") from error
    except (MlflowException, OSError, ValueError) as error:
        raise reference.none_there(named, store_uri, error) from error
    if not isinstance(model, keras.Model):
        raise UsageError(f"{named}: is a {type(model).__name__}, not a Keras model")
    return Stored(model, found.uri, found.run_id, preparation, example, size)


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
