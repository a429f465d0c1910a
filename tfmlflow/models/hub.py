"""Presets of KerasHub, from a folder."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import keras

from tfmlflow.errors import UsageError


def preset(folder: Path) -> tuple[keras.Model, str]:
    """The network in a folder that KerasHub's `save_to_preset` has written, and how its pixels are scaled.

    Raises:
        UsageError: KerasHub is not installed, or there is no network of pictures in the folder.
    """
    key = f"model.weights={folder}"
    if importlib.util.find_spec("keras_hub") is None:
        raise UsageError(f"{key}: is a preset of KerasHub, which is not installed: pip install keras-hub")
    import keras_hub

    try:
        network = keras_hub.models.Backbone.from_preset(str(folder))
    except Exception as error:  # whatever its files hold
        raise UsageError(f"{key}: KerasHub cannot read it: {type(error).__name__}: {str(error)[:300]}") from error
    inputs = network.inputs
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise UsageError(f"{key}: {type(network).__name__} takes no pictures; only presets of pictures are taken")
    return network, "none"
