"""Reading a Keras model that somebody else may have written, without running anything of theirs.

Keras's safe mode refuses lambdas, but imports the modules that a model's config names; MLflow's TensorFlow flavour
unpickles custom objects. So the `.keras` file alone is read, and only if all that it is made of is Keras's own.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

CONFIG, MEMBERS = "config.json", {"config.json", "metadata.json", "model.weights.h5"}
VOCABULARY = re.compile(r"assets/(\w[\w .-]*/)*vocabulary\.txt")  # text, of Keras's layers that look words up
LONGEST = 64 << 20  # bytes of a config
VALUES = {"__tensor__", "__keras_tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__", "__tuple__"}
NAMES = {"DTypePolicy", "Functional", "Model", "Sequential"}
ROOMS = {  # of Keras, that hold what models are made of
    *("activations", "constraints", "dtype_policies", "initializers", "layers", "models", "ops", "quantizers"),
    *("random", "regularizers", "src"),  # of `src`, Keras takes what can be saved only
}


class Unsafe(ValueError):
    """The model can be read only by running code that comes with it, or that it names."""


def read(folder: Path) -> keras.Model:
    """The Keras model in a folder that MLflow's TensorFlow flavour has written, not compiled.

    Raises:
        Unsafe: With the reason.
        ValueError: It cannot be read.
    """
    return _loaded(require_safe(folder))


def require_safe(folder: Path) -> Path:
    """The `.keras` file of such a folder, looked at and not read; raises as `read` does."""
    files = sorted(folder.rglob("*.keras"))
    if len(files) != 1:
        others = sorted({path.suffix or path.name for path in folder.rglob("*") if path.is_file()})
        raise Unsafe(f"it has {len(files)} .keras files; others are not read ({', '.join(others) or 'it is empty'})")
    _require_own(files[0])
    return files[0]


def read_file(file: Path) -> keras.Model:
    """The Keras model in a `.keras` file, not compiled.

    Raises:
        Unsafe: With the reason.
        ValueError: It cannot be read.
    """
    _require_own(file)
    return _loaded(file)


def _loaded(file: Path) -> keras.Model:
    import keras

    try:
        return keras.saving.load_model(file, compile=False, safe_mode=True)
    except TypeError as error:  # a class or function that it does not know
        raise Unsafe(f"Keras does not know what it is made of: {str(error).splitlines()[0][:200]}") from error


def _require_own(file: Path) -> None:
    if strangers := sorted(set(_objects(_config(file)))):
        raise Unsafe(f"it is made of {', '.join(strangers[:5])}, which is not Keras's own")


def _config(file: Path) -> Any:
    """The architecture; losses, metrics and optimizer are not read."""
    try:
        with zipfile.ZipFile(file) as archive:
            others = [info.filename for info in archive.infolist() if not _is_member(info.filename)]
            if others:
                raise Unsafe(f"its file holds {others[0][:100]!r}, which Keras does not write for layers of its own")
            if archive.getinfo(CONFIG).file_size > LONGEST:
                raise Unsafe(f"its config is longer than {LONGEST >> 20} MB")
            config = json.loads(archive.read(CONFIG))
    except (zipfile.BadZipFile, KeyError, UnicodeError) as error:
        raise ValueError(f"{file.name} is no Keras file: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{file.name} is no Keras file: its config is no mapping")
    return {name: value for name, value in config.items() if name != "compile_config"}


def unregistered(folder: Path) -> list[str]:
    """What a stored model is made of, and does not come with it: classes that nobody has registered, and lambdas."""
    import keras

    files = sorted(folder.rglob("*.keras"))
    parts = _parts(_config(files[0])) if files else iter(())
    pickled = keras.saving.get_custom_objects()  # which MLflow stores beside it
    names = (str(part["class_name"]) for part in parts if part["class_name"] == "Lambda" or _is_unregistered(part))
    return [name for name in dict.fromkeys(names) if name not in pickled]


def _is_unregistered(part: dict[str, Any]) -> bool:
    room = (part.get("module") or "").split(".")[0]
    return room not in ("keras", "builtins") and part.get("registered_name") == part["class_name"]


def _is_member(name: str) -> bool:
    return name in MEMBERS or VOCABULARY.fullmatch(name) is not None


def _objects(config: Any) -> Iterator[str]:
    """What a config names that is not Keras's own."""
    for part in _parts(config):
        if not _is_keras(part, part["class_name"]):
            yield f"{part.get('module') or '?'}.{part['class_name']}"[:100]


def _parts(config: Any) -> Iterator[dict[str, Any]]:
    """The objects that a config describes."""
    pending = [config]
    while pending:
        part = pending.pop()
        if isinstance(part, list):
            pending += part
        if not isinstance(part, dict):
            continue
        pending += [value for name, value in part.items() if name != "compile_config"]
        if isinstance(part.get("class_name"), str) and "config" in part:
            yield part


def _is_keras(part: dict[str, Any], name: str) -> bool:
    module, registered = part.get("module"), part.get("registered_name")
    if name.startswith("__") or name == "Lambda":
        return name in VALUES
    if isinstance(registered, str) and ">" in registered:  # somebody has registered it
        return False
    if module is None:  # Keras imports nothing for it, and knows none that nobody has registered
        return registered != name
    if module == "keras":
        return name in NAMES
    if module == "builtins":  # one of Keras's functions, by its name
        return name == "function"
    rooms = str(module).split(".")
    return rooms[0] == "keras" and rooms[1] in ROOMS
