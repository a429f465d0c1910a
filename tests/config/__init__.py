"""What the tests of commands share: a Python in which TensorFlow, Keras and MLflow cannot be loaded."""

from __future__ import annotations

import os
from pathlib import Path

from tests import forked

HEAVY = ("tensorflow", "keras", "mlflow")
LOADED = 99
LIGHT = ("hydra.main", "tfmlflow.command.entry", "tfmlflow.sweep.sweeper", "rich.console", "click")

_SITECUSTOMIZE = f"""\
import importlib.machinery
import sys


class Refuse:
    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name in {HEAVY!r} else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        print(module.__name__, "was loaded", file=sys.stderr, flush=True)
        raise SystemExit({LOADED})


sys.meta_path.insert(0, Refuse())
"""


def without_heavy_libraries(folder: Path) -> str:
    """PYTHONPATH of a Python that ends at once, with exit code 99, when it loads TensorFlow, Keras or MLflow.

    The libraries can still be found and read as files, as a check of a `_target_` does.

    Args:
        folder: Where the module that sees to it is written.
    """
    (folder / "sitecustomize.py").write_text(_SITECUSTOMIZE, encoding="utf-8")
    (folder / forked.LIST).write_text(" ".join(LIGHT))
    path = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(folder), *([path] if path else [])])
