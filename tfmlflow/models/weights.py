"""Putting weights into a network, layer by layer: from a file, or from another network."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from numpy.typing import NDArray

from tfmlflow.errors import UsageError
from tfmlflow.models.units import Unit, weighted

Arrays = dict[str, NDArray[Any]]
"""Weights of a layer by their places, "0", "1", as Keras's files have them."""


@dataclass(frozen=True)
class Loaded:
    """What was put into a network.

    Attributes:
        fits: Paths of the layers that have their weights from elsewhere.
        lacks: Those that have not, and why.
        left: Names of what was not used.
        in_order: Whether layers went by their order and not by their names.
    """

    fits: tuple[str, ...]
    lacks: Mapping[str, str]
    left: tuple[str, ...] = ()
    in_order: bool = False


def from_file(model: keras.Model, file: Path) -> Loaded:
    """Load a file of weights, `.weights.h5` or what Keras 2 has called `.h5`, by the names of the layers.

    Networks whose layers have no names of their own (Inception's) are loaded by Keras itself, in their order.

    Raises:
        UsageError: It is no such file.
    """
    key = f"model.weights={file}"
    try:
        if not file.name.endswith(".weights.h5"):
            return _by_keras(model, file, legacy=True)
        known = _stored(file)
    except (OSError, KeyError, ValueError) as error:
        raise UsageError(f"{key}: cannot be read as weights: {str(error).splitlines()[0]}") from error
    before = _kept(model)
    named = _by_name(model, known)
    if not named.lacks:
        return named
    _put_back(before)
    other = _by_keras(model, file)
    if len(other.fits) > len(named.fits) and not other.lacks:
        return other
    _put_back(before)
    return _by_name(model, known)


def from_model(model: keras.Model, other: keras.Model) -> Loaded:
    """Load the layers of another network by their names; where these are Keras's own numbering, in their order."""
    theirs = {unit.layer.name: _arrays(unit) for unit in weighted(other)}
    loaded = _by_name(model, theirs)
    if not loaded.lacks:
        return loaded
    mine, sources = weighted(model), weighted(other)
    pairs = list(zip(mine, sources, strict=False))
    if len(sources) >= len(mine) and all(_shapes(one) == _shapes(two) for one, two in pairs):
        for one, two in pairs:
            one.layer.load_own_variables(_arrays(two))
        left = tuple(unit.layer.name for unit in sources[len(mine) :])
        return Loaded(tuple(unit.path for unit in mine), {}, left, in_order=True)
    return loaded


def require(loaded: Loaded, key: str, base: str, partial: bool) -> None:
    """Refuse weights of something else.

    Args:
        loaded: What has fitted.
        key: Names the weights in messages.
        base: The network.
        partial: Whether layers may lack.

    Raises:
        UsageError: No layer has fitted, or not all have.
    """
    of = len(loaded.fits) + len(loaded.lacks)
    shown = "; ".join(f"{path}: {why}" for path, why in list(loaded.lacks.items())[:3])
    more = f"; and {len(loaded.lacks) - 3} more" if len(loaded.lacks) > 3 else ""
    if not loaded.fits:
        has = f"it has {', '.join(loaded.left[:5])}{', ...' if len(loaded.left) > 5 else ''}" if loaded.left else shown
        raise UsageError(f"{key}: fits none of the {of} layers of {base}; {has}; are they of another network?")
    if loaded.lacks and not partial:
        raise UsageError(
            f"{key}: fits {len(loaded.fits)} of the {of} layers of {base}, not {shown}{more}; give weights of {base}, "
            "or train what lacks from the first epoch by model.partial=true"
        )


def _by_name(model: keras.Model, known: Mapping[str, Arrays]) -> Loaded:
    fits, lacks, used = [], {}, set()
    for unit in weighted(model):
        arrays = known.get(unit.layer.name)
        if arrays is None:
            lacks[unit.path] = "not there"
        elif (theirs := [array.shape for array in arrays.values()]) != _shapes(unit):
            lacks[unit.path] = f"{_shown(_shapes(unit))}, there it is {_shown(theirs)}"
        else:
            unit.layer.load_own_variables(arrays)
            fits.append(unit.path)
            used.add(unit.layer.name)
    return Loaded(tuple(fits), lacks, tuple(name for name, arrays in known.items() if arrays and name not in used))


def _by_keras(model: keras.Model, file: Path, legacy: bool = False) -> Loaded:
    """Keras says only in words what it could not load: what is no number afterwards was not."""
    before = _kept(model)
    for unit in weighted(model):
        for variable in unit.layer.weights:
            if np.issubdtype(keras.backend.standardize_dtype(variable.dtype), np.floating):
                variable.assign(np.full(variable.shape, np.nan, np.float32))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            in_order = not legacy or _legacy(model, file)
            if not legacy:
                model.load_weights(file, skip_mismatch=True)
    except BaseException:
        _put_back(before)
        raise
    fits, lacks = [], {}
    for unit, kept in before:
        if any(np.isnan(np.asarray(variable)).any() for variable in unit.layer.weights):
            _put_back([(unit, kept)])
            lacks[unit.path] = "not there, or of another shape"
        else:
            fits.append(unit.path)
    return Loaded(tuple(fits), lacks, in_order=in_order)


def _legacy(model: keras.Model, file: Path) -> bool:
    """Load what Keras 2 has written; gives whether that went by the order of the layers."""
    try:
        model.load_weights(file)
    except ValueError:  # of another count of layers
        model.load_weights(file, by_name=True, skip_mismatch=True)
        return False
    return True


def _stored(file: Path) -> dict[str, Arrays]:
    """What a `.weights.h5` file holds, by the name of the layer, which Keras writes beside its variables."""
    found: dict[str, Arrays] = {}
    with h5py.File(file, "r") as opened:
        for path, group in _groups(opened):
            if path.startswith("optimizer/"):
                continue
            arrays = {place: np.asarray(group[place]) for place in sorted(filter(str.isdigit, group), key=int)}
            name = group.attrs.get("name", path.removesuffix("/vars").rpartition("/")[2])
            if arrays:
                found[str(name)] = arrays
    return found


def _groups(opened: h5py.File) -> Iterator[tuple[str, h5py.Group]]:
    found: list[tuple[str, h5py.Group]] = []

    def visit(path: str, one: Any) -> None:
        if isinstance(one, h5py.Group) and re.search(r"(^|/)vars$", path):
            found.append((path, one))

    opened.visititems(visit)
    yield from found


def _kept(model: keras.Model) -> list[tuple[Unit, Arrays]]:
    return [(unit, _arrays(unit)) for unit in weighted(model)]


def _put_back(kept: Sequence[tuple[Unit, Arrays]]) -> None:
    for unit, arrays in kept:
        unit.layer.set_weights(list(arrays.values()))


def _arrays(unit: Unit) -> Arrays:
    return {str(place): np.asarray(variable) for place, variable in enumerate(unit.layer.weights)}


def _shapes(unit: Unit) -> list[tuple[int, ...]]:
    return [tuple(variable.shape) for variable in unit.layer.weights]


def _shown(shapes: Sequence[tuple[int, ...]]) -> str:
    return " and ".join("x".join(map(str, shape)) or "a number" for shape in shapes)
