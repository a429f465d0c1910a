"""A stored model as it is served: its network and its preparation, with code of ours and of nobody else."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mlflow.exceptions import MlflowException
from mlflow.models import Model

from tfmlflow.errors import UsageError
from tfmlflow.predictor.preparation import FILE, Preparation, Unfit
from tfmlflow.tracking.models import predictor_code, reference, safe_model, stored_example

KERAS_FILE, KERAS, FORMAT = "data/model.keras", "keras", "tf"  # as MLflow's TensorFlow flavour reads them


@dataclass(frozen=True)
class Served:
    """A model's folder that a server may load, raw examples for it, and what it is."""

    folder: Path
    example: Any
    uri: str


def prepare(named: str, store_uri: str | None, place: Path, trust: bool = False) -> Served:
    """Bring a model into the folder `place`.

    What a server loads would otherwise be Python code and pickles that came with the model. So its network is looked
    at, and put into a folder that is made anew, beside the predictor of this installation. TensorFlow is not loaded.

    Args:
        named, store_uri: Where it is.
        place: An empty folder.
        trust: Serve it as it is, whatever it is.

    Raises:
        UsageError: There is none, or it is not to be served without trust.
    """
    found = reference.fetch(named, store_uri, place)
    try:
        example = stored_example.read(found.folder)
        folder = found.folder if trust else _made_anew(found.folder, place / "served")
    except safe_model.Unsafe as error:
        raise reference.needs_trust(named, error) from error
    except Unfit as error:
        raise UsageError(f"{named}: {error}") from error
    except (MlflowException, OSError, ValueError, yaml.YAMLError) as error:
        raise reference.none_there(named, store_uri, error) from error
    return Served(folder, example, found.uri)


def _made_anew(given: Path, folder: Path) -> Path:
    file, preparation = safe_model.require_safe(given), Preparation.read(given)
    described = Model.load(str(given))
    (folder / "data").mkdir(parents=True)
    shutil.copyfile(file, folder / KERAS_FILE)
    (folder / "data" / "keras_module.txt").write_text(KERAS)
    (folder / "data" / "save_format.txt").write_text(FORMAT)
    anew = Model(signature=described.signature)
    network = {"code": None, "data": "data", "model_type": "keras", "save_format": FORMAT, "keras_version": ""}
    anew.add_flavor("tensorflow", **network)
    if preparation is None:
        anew.add_flavor("python_function", loader_module="mlflow.tensorflow", data="data")
    else:
        shutil.copyfile(given / FILE, folder / FILE)
        module = predictor_code.copy(folder / predictor_code.CODE)
        anew.add_flavor("python_function", loader_module=module, code=predictor_code.CODE)
    anew.save(str(folder / "MLmodel"))
    return folder
