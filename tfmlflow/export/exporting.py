"""config -> stored model -> another format, aside -> its outputs against the original's -> its place."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from tfmlflow.errors import JobFailed
from tfmlflow.export import aside
from tfmlflow.export.request import Request
from tfmlflow.garbage import none_while_loading
from tfmlflow.hardware import environment

if TYPE_CHECKING:
    from tfmlflow.export.check import Difference
    from tfmlflow.tracking.models.model_import import Stored


@dataclass(frozen=True)
class Export:
    """An export that is in its place.

    Attributes:
        stored: The original.
        files: What was made, the network first.
        size: Of the network, bytes.
        difference: From the original, on the examples of `source`.
        takes, gives: Names, types and shapes of inputs and outputs.
    """

    stored: Stored
    files: tuple[Path, ...]
    size: int
    difference: Difference
    source: str
    takes: str
    gives: str


def export_model(request: Request, cfg: DictConfig, with_data: bool, trust: bool = False) -> Export:
    """Make an export that gives what the original gives.

    Args:
        request: What is wanted.
        cfg: data, hardware and tracking are used.
        with_data: Whether outputs are compared on the test set of `cfg.data`; else on the model's input example.
        trust: Whether the model may run code of its own.

    Raises:
        UsageError: No such model, the format cannot hold it, or there is nothing to compare on.
        JobFailed: The outputs differ; nothing is left.
    """
    with none_while_loading():
        environment.load(cfg.hardware.log_level)

        from tfmlflow.export import check, examples, formats, network
        from tfmlflow.tracking.models import model_import

    stored = model_import.load(request.reference, cfg.tracking.uri, trust)
    network.require_numbers(stored.model, request.to)
    inputs, source = examples.of(stored, cfg if with_data else None)
    with aside.folder(request.output) as folder:
        made = folder / request.output.name
        formats.write(stored.model, stored.preparation, request.to, made, inputs)
        original = formats.of_model(stored.model, stored.preparation)(inputs)
        try:
            given = formats.read(request.to, made, stored.preparation)(inputs)
        except Exception as error:
            raise JobFailed(f"{request.output.name}: was written, but cannot be asked: {_line(error)}") from error
        difference = check.compare(original, given, stored.preparation)
        if not difference.within(request.tolerance):
            raise JobFailed(
                f"{request.output.name}: gives something else than the stored model, at {difference.place} by "
                f"{difference.largest:.3g}, and --tolerance is {request.tolerance:g}; "
                f"{difference.equal} of {difference.labels} labels are equal. It was removed."
            )
        size = sum(file.stat().st_size for file in [made, *made.rglob("*")] if file.is_file())
        files = _put(request, stored, made, folder)
    shapes = ["  ".join(f"{n} {a.dtype}{_shape(a)}" for n, a in part.items()) for part in (inputs, given)]
    return Export(stored, files, size, difference, source, *shapes)


def _put(request: Request, stored: Stored, made: Path, folder: Path) -> tuple[Path, ...]:
    """Rename what was made to what it is called."""
    files = [request.output]
    request.require_free()  # somebody may have put something there meanwhile
    written = folder / "preparation.json"
    if stored.preparation is not None:
        stored.preparation.write(folder)
    if request.to == "savedmodel":
        if written.exists():
            shutil.move(written, made / "preparation.json")
        aside.take_place(made, request.output)
        return tuple(files)
    earlier = folder / "earlier.json"  # belongs to what is replaced, and goes with it
    if request.beside.exists():
        request.beside.rename(earlier)
    try:
        aside.take_place(made, request.output)
    except BaseException:
        if earlier.exists():
            earlier.rename(request.beside)
        raise
    if written.exists():
        aside.take_place(written, request.beside)
        files.append(request.beside)
    return tuple(files)


def _shape(array: Any) -> str:
    return f"({', '.join(['n', *map(str, array.shape[1:])])})"


def _line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:300]
