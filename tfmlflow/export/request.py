"""What an export is asked to be, checked before anything heavy is loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tfmlflow.errors import UsageError

SUFFIX = {"keras": ".keras", "savedmodel": "", "litert": ".tflite", "onnx": ".onnx"}
NEEDED = {"onnx": ("onnx", "tf2onnx", "onnxruntime")}
TOLERANCE = {"keras": 1e-6, "savedmodel": 1e-5, "litert": 1e-4, "onnx": 1e-4}
"""Allowed difference of an output, as a share of the largest output where that is above 1."""
# what an exported SavedModel's folder holds
OF_EXPORT = {"saved_model.pb", "fingerprint.pb", "keras_metadata.pb", "variables", "assets", "preparation.json"}


@dataclass(frozen=True)
class Request:
    """An export.

    Attributes:
        reference: The model: a run id, or how it begins, or a URI.
        to: Its format.
        output: The file, of `savedmodel` the folder.
        force: Whether it takes the place of an earlier export there.
        tolerance: Allowed difference of an output.
    """

    reference: str
    to: str
    output: Path
    force: bool
    tolerance: float

    @classmethod
    def of(
        cls, reference: str, to: str, output: str | None, force: bool, tolerance: float | None, logged: bool = False
    ) -> Request:
        """The request that a command line makes.

        Raises:
            UsageError: A package is missing, the place is none that an export may take, or no run is named that it
                could be logged in.
        """
        if logged and not re.match(r"[0-9a-f]{4,32}$|runs:/[0-9a-f]{32}/", reference):
            raise UsageError(f"--log: {reference} does not name a run; give its id")
        missing = [name for name in NEEDED.get(to, ()) if find_spec(name) is None]
        if missing:
            raise UsageError(f"--to {to}: needs {', '.join(missing)}: pip install 'tfmlflow[export]'")
        suffix = SUFFIX[to]
        place = Path(output) if output is not None else Path(f"{_name(reference)}{suffix}")
        if suffix and place.suffix != suffix:
            raise UsageError(f"--output {place}: a file for --to {to} ends with {suffix}")
        if not suffix and place.suffix in SUFFIX.values() and place.suffix:
            raise UsageError(f"--output {place}: --to {to} makes a folder, and this is the name of a file")
        if not place.parent.is_dir():
            raise UsageError(f"--output {place}: there is no folder {place.parent}")
        request = cls(reference, to, place, force, TOLERANCE[to] if tolerance is None else tolerance)
        request.require_free()
        return request

    @property
    def beside(self) -> Path:
        """Where the preparation goes: into the folder, or beside the file."""
        if self.to == "savedmodel":
            return self.output / "preparation.json"
        return self.output.with_name(f"{self.output.name}.preparation.json")

    def require_free(self) -> None:
        """Refuse a place that is taken, unless it may be replaced.

        Raises:
            UsageError: It is.
        """
        there = [place for place in (self.output, self.beside) if place.exists() or place.is_symlink()]
        if there and not self.force:
            raise UsageError(
                f"--output {there[0]}: is there already; --force replaces it, --output names another place"
            )
        if self.output.is_dir() and self.to != "savedmodel":
            raise UsageError(f"--output {self.output}: is a folder")
        if self.output.exists() and self.to == "savedmodel" and not (self.output / "saved_model.pb").is_file():
            raise UsageError(f"--output {self.output}: is no SavedModel, and --force replaces nothing else")
        if self.output.is_dir() and (others := sorted(_others(self.output))):
            raise UsageError(
                f"--output {self.output}: holds {', '.join(others[:3])}, which is of no export; --force would delete it"
            )
        if self.beside.exists() and not _is_preparation(self.beside):
            raise UsageError(f"--output {self.output}: {self.beside} is of no export, and --force would delete it")


def _others(folder: Path) -> set[str]:
    """What of a folder no export has put there."""
    within = {"variables": "variables.*", "assets": ""}  # that of our models has none
    found = {file.name for file in folder.iterdir()} - OF_EXPORT
    for name, own in within.items():
        files = (folder / name).iterdir() if (folder / name).is_dir() else ()
        found |= {f"{name}/{file.name}" for file in files if not own or not file.match(own)}
    return found


def _is_preparation(file: Path) -> bool:
    from tfmlflow.predictor.preparation import Preparation, Unfit

    try:
        return Preparation.read(file) is not None
    except (OSError, Unfit):
        return False


def _name(reference: str) -> str:
    """Of the file, where none is given."""
    if re.fullmatch(r"[0-9a-f]{4,32}", reference):
        return reference[:8]
    plain = re.sub(r"^(runs|models):/+", "", reference).split("://")[-1]
    return re.sub(r"[^\w.-]+", "-", plain).strip("-.")[:100] or "model"
