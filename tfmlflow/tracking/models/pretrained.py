"""`model=pretrained` before a run is opened: its weights are looked for where they are, a file or a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from tfmlflow.config.together.pretrained import TARGET
from tfmlflow.data.record import Data
from tfmlflow.errors import UsageError
from tfmlflow.models import base
from tfmlflow.tracking.models import model_import, safe_model
from tfmlflow.trainer.phases.phase import Unfreezing, require_meant

OF_BASE = ("base", "weights", "partial", "preprocessing", "size", "arguments", "cut")
Build = Callable[..., keras.Model]


def begun(build: Build, settings: Mapping[str, Any], data: Data, unfreezing: Sequence[Unfreezing]) -> Build:
    """What builds the model: of a pretrained one, what gives the model that was built here.

    So what is wrong with its weights is said before a run is opened.

    Args:
        build: What the config has.
        settings: The whole config.
        data: What is to be trained on.
        unfreezing: Its layers, from some epoch on.

    Raises:
        UsageError: The weights cannot be had, or do not fit; or no layer is called as `unfreezing` says.
    """
    keys = settings["model"]
    if keys["_target_"] != TARGET:
        return build
    uri, trust = settings["tracking"]["uri"], keys.get("trust", False)
    start = base.prepare(data, lambda one: fetch(one, uri, trust), **{key: keys[key] for key in OF_BASE if key in keys})
    model = build(data=data, prepared=start)
    require_meant(unfreezing, model)
    return lambda data: model


def fetch(reference: str, store_uri: str | None, trust: bool) -> keras.Model:
    """The network in a `.keras` file, or behind a run's id or a model's URI.

    Args:
        reference: Which.
        store_uri: The store.
        trust: Run what it brings with it.

    Raises:
        UsageError: There is none, or it can be read only by running code.
    """
    key, file = f"model.weights={reference}", Path(reference)
    try:
        if not file.is_file():
            return model_import.load(reference, store_uri, trust).model
        return keras.saving.load_model(file, compile=False, safe_mode=False) if trust else safe_model.read_file(file)
    except safe_model.Unsafe as error:
        raise UsageError(f"{key}: {error}; reading it would run that code: model.trust=true does") from error
    except UsageError as error:
        raise UsageError(f"model.weights={str(error).replace('--trust does', 'model.trust=true does')}") from error
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{key}: cannot be read as a Keras model: {str(error).splitlines()[0]}") from error
