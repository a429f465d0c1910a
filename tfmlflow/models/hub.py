"""Presets of KerasHub, from a folder."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmlflow.errors import UsageError

CONVERTER = "image_converter.json"  # how a preset says that pictures are scaled


def preset(folder: Path, mode: str) -> keras.Model:
    """The network in a folder that KerasHub's `save_to_preset` has written.

    Args:
        folder: With its `config.json`.
        mode: A preprocessing, which is done before the network; auto: as the preset says, within what is returned.

    Raises:
        UsageError: KerasHub is not installed, there is no network of pictures in the folder, or it does not say how
            pictures are scaled.
    """
    key = f"model.weights={folder}"
    if importlib.util.find_spec("keras_hub") is None:
        raise UsageError(f"{key}: is a preset of KerasHub, which is not installed: pip install keras-hub")
    import keras_hub

    try:
        network = keras_hub.models.Backbone.from_preset(str(folder))
        converter = None
        if mode == "auto" and (folder / CONVERTER).is_file():
            converter = keras_hub.layers.ImageConverter.from_preset(str(folder))
    except Exception as error:  # whatever its files hold
        raise UsageError(f"{key}: KerasHub cannot read it: {type(error).__name__}: {str(error)[:300]}") from error
    inputs = network.inputs
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise UsageError(f"{key}: {type(network).__name__} takes no pictures; only presets of pictures are taken")
    if mode != "auto":
        return network
    if converter is None:
        raise UsageError(
            f"{key}: does not say how pictures are scaled (it has no {CONVERTER}); give model.preprocessing=pixels "
            "(0 to 255), tf, torch, caffe, or none (0 to 1)"
        )
    return _scaled(network, converter)


def _scaled(network: keras.Model, converter: Any) -> keras.Model:
    """From pixels in [0, 1]; a converter takes those from 0 to 255."""
    scale = np.asarray(1.0 if converter.scale is None else converter.scale, np.float64) * 255.0
    offset = np.asarray(0.0 if converter.offset is None else converter.offset, np.float64)
    given = keras.Input(network.inputs[0].shape[1:])
    scaling = keras.layers.Rescaling(scale.tolist(), offset.tolist(), dtype="float32", name="as_preset")
    return keras.Model(given, network(scaling(given)), name="preset")
