"""What `model=pretrained` needs of its own keys and of the rest of the config."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfmlflow.config.applications import APPLICATIONS
from tfmlflow.config.nearest import did_you_mean
from tfmlflow.config.together.unfreezing import TRIED, untried

TARGET = "tfmlflow.models.pretrained.build"
STORED = re.compile(r"[0-9a-f]{4,32}|(runs|models|mlflow-artifacts|https?|s3|gs|dbfs|wasbs|abfss?|file):/.+")
FILES = (".weights.h5", ".h5", ".keras")


def problems(values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong, a line each."""
    model = values["model"]
    if model.get("_target_") != TARGET:
        return
    base, weights = model.get("base"), model.get("weights")
    if (name := untried(values["hardware"])) is not None:
        yield f"model=pretrained: was never tried with hardware={name}; take hardware={', '.join(TRIED)}"
    known = {name.lower(): name for name in APPLICATIONS}
    if base is not None and (not isinstance(base, str) or base not in APPLICATIONS):
        exact = known.get(str(base).lower().replace("-", "").replace("_", ""))
        meant = f"; did you mean {exact}?" if exact else did_you_mean(str(base), APPLICATIONS)
        yield f"model.base={base}: no network of keras.applications{meant or '; they are ' + ', '.join(APPLICATIONS)}"
    if base is None and weights is None:
        yield "model.base=null: name a network, as model.base=MobileNetV2, or a stored one by model.weights=<run id>"
    if base is None and weights == "imagenet":
        yield "model.weights=imagenet: of which network? model.base=VGG16, MobileNetV2, EfficientNetB0, ..."
    if isinstance(weights, str) and weights != "imagenet" and (wrong := _unreadable(weights, base)):
        yield f"model.weights={weights}: {wrong}"
    if base is not None and model.get("cut") is not None:
        yield f"model.cut={model['cut']}: is of stored networks; with model.base={base} set it to null"
    if base is None and model.get("arguments"):
        yield f"model.arguments={model['arguments']}: are of model.base, which is null; set them to {{}}"
    if isinstance(base, str) and base in APPLICATIONS:
        yield from _size(str(base), model, values["data"])


def _unreadable(weights: str, base: str | None) -> str:
    path = Path(weights)
    try:
        there = path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return "no such file"
    if there:
        if path.is_dir():
            if not (path / "config.json").is_file():
                return "a folder without a config.json, so no preset of KerasHub; give a file (.weights.h5, .keras)"
            return f"a folder is a whole network; with it set model.base={base} to null" if base is not None else ""
        if not weights.endswith(FILES):
            return "its name must end with .weights.h5 or .keras"
        if base is None and not weights.endswith(".keras"):
            return "holds weights and no network; add model.base=<the network that they are of>"
        return ""
    if STORED.fullmatch(weights):
        return ""
    here = f" (this folder is {Path.cwd()})" if not path.is_absolute() else ""
    return (
        f"no such file{here}; give a file (.weights.h5, .keras), imagenet, the id of a run, runs:/<id>/best or "
        "models:/name@alias"
    )


def _size(base: str, model: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[str]:
    least = APPLICATIONS[base].least
    of_images = str(data.get("_target_")).startswith("tfmlflow.datasets.images")
    key, size = ("model.size", model.get("size")) if model.get("size") else ("data.size", data.get("size"))
    if key == "data.size" and not of_images:
        return  # of what other data the pictures are large is known once they are there
    if isinstance(size, list) and all(isinstance(side, int) for side in size) and size and min(size) < least:
        yield f"{key}={size}: model.base={base} takes pictures of {least}x{least} and more; {key}=[{least},{least}]"
    if of_images and isinstance(channels := data.get("channels"), int) and channels not in (1, 3):
        yield f"data.channels={channels}: model.base={base} takes 3 colours, or 1 that is made 3; data.channels=3"
