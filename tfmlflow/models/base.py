"""The base of a network that was trained before: made, given its weights and frozen."""

from __future__ import annotations

import hashlib
import inspect
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from tfmlflow.config.applications import APPLICATIONS
from tfmlflow.data.record import Data
from tfmlflow.errors import UsageError
from tfmlflow.models.hub import preset
from tfmlflow.models.layers import require_images
from tfmlflow.models.preprocessing import require_fractions
from tfmlflow.models.units import units, weighted
from tfmlflow.models.weights import from_file, from_model, require

PATIENCE = 20.0  # seconds that a download may be silent


@dataclass(frozen=True)
class Start:
    """A base with its weights, and what is known of these.

    Attributes:
        base: From pictures (or what else it takes) to features; frozen but for what lacks weights.
        mode: Its preprocessing.
        said: In words, for people.
        known: For the run's record.
    """

    base: keras.Model
    mode: str
    said: str = ""
    known: Mapping[str, str | int] = field(default_factory=dict)


def prepare(
    data: Data,
    fetch: Callable[[str], keras.Model],
    base: str | None = None,
    weights: str | None = None,
    partial: bool = False,
    preprocessing: str = "auto",
    size: Sequence[int] | None = None,
    arguments: Mapping[str, Any] | None = None,
    cut: str | None = None,
) -> Start:
    """Make the base and give it its weights, before anything is recorded.

    Args:
        data: What is to be trained on.
        fetch: Reads a stored network, by what `weights` says.
        base: Of keras.applications, or None.
        weights: A file, `imagenet`, or what `fetch` takes; None: none.
        partial: Whether layers may lack weights; they are trained from the first epoch.
        preprocessing: auto, or a mode of `models.preprocessing`.
        size: Height and width that pictures are resized to, pixels.
        arguments: Of the base.
        cut: Of a stored network, the last layer to use.

    Raises:
        UsageError: Data, base and weights do not go together, or the weights cannot be had.
    """
    if base is None:
        start = _whole(str(weights), fetch, preprocessing, cut)
        _require_input(data, start.base, size, f"model.weights={weights}")
    else:
        require_images(data, f"pretrained, model.base={base}")
        start = _application(data, fetch, base, weights, partial, preprocessing, size, arguments or {})
    if len(data.input_shape) == 3:
        require_fractions(data, start.mode)
    return start


def _application(
    data: Data,
    fetch: Callable[[str], keras.Model],
    name: str,
    source: str | None,
    partial: bool,
    mode: str,
    size: Sequence[int] | None,
    arguments: Mapping[str, Any],
) -> Start:
    made = getattr(keras.applications, name)
    key = f"model.weights={source}"
    shape = (*(size or data.input_shape[:2]), 3)
    if unknown := sorted(set(arguments) - set(inspect.signature(made).parameters)):
        takes = ", ".join(inspect.signature(made).parameters)
        raise UsageError(f"model.arguments.{unknown[0]}: keras.applications.{name} takes {takes}")
    given = {"include_top": False, "input_shape": shape, **arguments}
    try:
        base = _imagenet(made, name, given) if source == "imagenet" else made(weights=None, **given)
    except UsageError:
        raise
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"model.base={name}: does not take pictures of {shape[0]}x{shape[1]} pixels"
            f"{f' and {dict(arguments)}' if arguments else ''}: {str(error).splitlines()[0]}; "
            "resize them by model.size=[height,width]"
        ) from error
    mode = APPLICATIONS[name].preprocessing if mode == "auto" else mode
    if source is None:
        return Start(base, mode, f"{name} with weights drawn at random, all of which are trained")
    if source == "imagenet":
        base.trainable = False
        return Start(base, mode, f"{name} with weights of ImageNet")
    file = Path(source)
    by_file = file.is_file() and not source.endswith(".keras")
    loaded = from_file(base, file) if by_file else from_model(base, fetch(source))
    require(loaded, key, name, partial)
    _freeze(base, set(loaded.fits))
    said = f"{name} with weights of {source}: {len(loaded.fits)} layers{' in their order' if loaded.in_order else ''}"
    if loaded.lacks:
        said += f"; trained from the first epoch, since it has none for them: {', '.join(loaded.lacks)}"
    if loaded.left:
        said += f"; not used: {', '.join(loaded.left[:8])}{', ...' if len(loaded.left) > 8 else ''}"
    known: dict[str, str | int] = {"model.layers_loaded": len(loaded.fits), "model.layers_lacking": len(loaded.lacks)}
    return Start(base, mode, said, known | _digest(file))


def _freeze(base: keras.Model, fits: set[str]) -> None:
    """Freeze the layers that have got weights; the base itself must be trainable for the others to be."""
    if all(unit.path in fits for unit in weighted(base)):
        base.trainable = False
        return
    for unit in units(base):
        unit.layer.trainable = bool(unit.layer.weights) and unit.path not in fits


def _digest(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    with file.open("rb") as stream:
        return {"model.weights_sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def _imagenet(made: Callable[..., keras.Model], name: str, given: Mapping[str, Any]) -> keras.Model:
    """The weights that Keras downloads, or has in its folder."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        return made(weights="imagenet", **given)
    except (ValueError, TypeError):
        raise
    except Exception as error:  # whatever a network may do; Keras's own for a failed download is a bare Exception
        said = " ".join(str(error).split())[:300]
        raise UsageError(
            f"model.weights=imagenet: the weights of {name} cannot be downloaded ({said}); where there is a network, "
            f'`python -c "import keras; keras.applications.{name}(include_top=False)"` leaves '
            "them in ~/.keras/models (or $KERAS_HOME/models), from where they are taken here; or give the file by "
            "model.weights=<file>.h5"
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def _whole(source: str, fetch: Callable[[str], keras.Model], mode: str, cut: str | None) -> Start:
    """A stored network without its head."""
    path = Path(source)
    base = preset(path, mode) if path.is_dir() else _without_head(fetch(source), cut, f"model.weights={source}")
    mode = "none" if mode == "auto" else mode  # what it needs is in it, if it is of ours
    base.trainable = False
    last = getattr(base.layers[-1], "name", base.name)
    return Start(base, mode, f"{base.name} of {source} up to its layer {last}", _digest(path))


def _without_head(model: keras.Model, cut: str | None, key: str) -> keras.Model:
    """From its input to the last layer before the dense one that gives its outputs, or to `cut`."""
    if not getattr(model, "inputs", None) or len(model.inputs) != 1:
        raise UsageError(f"{key}: its graph is not known, or it has several inputs; a base has one input")
    names = [layer.name for layer in model.layers]
    if cut is not None and cut not in names:
        raise UsageError(f"model.cut={cut}: {key} has no such layer; its layers are {', '.join(names)}")
    if cut is None:
        dense = [place for place, layer in enumerate(model.layers) if isinstance(layer, keras.layers.Dense)]
        if not dense or dense[-1] == 0:
            raise UsageError(f"{key}: has no dense layer that would be its head; name the last layer to use: model.cut")
        output = model.layers[dense[-1]].input
    else:
        output = model.get_layer(cut).output
    name = model.name if model.name not in ("pretrained", "input") else "base"
    return keras.Model(model.inputs, output, name=name)


def _require_input(data: Data, base: keras.Model, size: Sequence[int] | None, key: str) -> None:
    takes, has = tuple(base.input_shape[1:]), tuple(data.input_shape)
    if len(takes) == 3 and len(has) == 3:
        if size:
            has = (*size, has[2])
        sides = zip(takes[:2], has[:2], strict=True)
        if any(wanted is not None and wanted != given for wanted, given in sides):
            raise UsageError(
                f"{key}: takes pictures of {takes[0]}x{takes[1]}, these have {has[0]}x{has[1]}; "
                f"model.size=[{takes[0]},{takes[1]}]"
            )
    elif takes != has:
        raise UsageError(f"{key}: takes examples of the shape {takes}, those of data={data.name} have {has}")
