"""Whether a `_target_` exists, told from the text of modules: what is accepted, what is refused, in which words."""

from __future__ import annotations

import sys
from importlib.util import spec_from_file_location
from pathlib import Path

import pytest

from tfmlflow.config.own.targets import problem

NETS = '''
"""Somebody's models."""
import collections as coll
import os.path
from json import dumps, loads as parse

WIDTH: int = 3
small, (medium, large) = 1, (2, 3)
build_default = lambda data: None

raise SystemExit("this module must not be run")


def build(data):
    hidden = 1


async def build_later(data):
    pass


class Net:
    size = 3

    @classmethod
    def build(cls, data):
        pass


if WIDTH > 2:
    def wide(data):
        pass
else:
    def narrow(data):
        pass

try:
    from nowhere import fast
except ImportError:
    def slow(data):
        pass
else:
    fine = 1
finally:
    last = 1

with open("nowhere") as stream:
    read = 1
'''


@pytest.fixture(autouse=True)
def my_pkg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`my_pkg`, which can be imported from the folder that the command is run in."""
    package = tmp_path / "my_pkg"
    (package / "deep" / "deeper").mkdir(parents=True)
    (package / "__init__.py").write_text("from my_pkg.nets import build as default_build\n")
    (package / "nets.py").write_text(NETS)
    (package / "star.py").write_text("from my_pkg.nets import *\n")
    (package / "lazy.py").write_text("def __getattr__(name):\n    return name\n")
    (package / "broken.py").write_text("def build(:\n")
    (package / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\n# \xe9\ndef build(data): pass\n")
    (package / "deep" / "deeper" / "nets.py").write_text("def build(data): pass\n")
    (tmp_path / "single.py").write_text("def build(data): pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return package


THERE = [
    "my_pkg.nets.build",
    "my_pkg.nets.build_later",
    "my_pkg.nets.build_default",
    "my_pkg.nets.Net",
    "my_pkg.default_build",
    "single.build",
]


@pytest.mark.parametrize("target", THERE)
def test_a_function_or_class_that_a_module_defines_is_found(target: str) -> None:
    assert problem(target) is None


@pytest.mark.parametrize("name", ["dumps", "parse"])
def test_a_name_that_a_module_imports_is_found(name: str) -> None:
    assert problem(f"my_pkg.nets.{name}") is None


@pytest.mark.parametrize("name", ["coll", "os"])
def test_a_module_that_a_module_imports_is_no_target(name: str) -> None:
    assert "is a module" in str(problem(f"my_pkg.nets.{name}"))


@pytest.mark.parametrize("name", ["small", "medium", "large", "WIDTH"])
def test_a_name_that_a_module_assigns_is_found(name: str) -> None:
    assert problem(f"my_pkg.nets.{name}") is None


@pytest.mark.parametrize("name", ["wide", "narrow", "fast", "slow", "fine", "last", "read"])
def test_a_name_that_is_bound_under_a_condition_is_found(name: str) -> None:
    assert problem(f"my_pkg.nets.{name}") is None


def test_an_attribute_of_a_class_is_accepted() -> None:
    assert problem("my_pkg.nets.Net.build") is None


def test_a_name_inside_a_function_or_class_is_not_the_modules() -> None:
    assert problem("my_pkg.nets.hidden") is not None
    assert problem("my_pkg.nets.size") is not None


@pytest.mark.parametrize("module", ["star", "lazy", "broken"])
def test_a_module_that_cannot_be_judged_from_its_text_is_accepted(module: str) -> None:
    assert problem(f"my_pkg.{module}.whatever") is None


def test_a_module_in_another_encoding_is_accepted() -> None:
    assert problem("my_pkg.latin.build") is None


def test_a_folder_without_init_is_a_package_too() -> None:
    assert problem("my_pkg.deep.deeper.nets.build") is None


@pytest.mark.parametrize(
    "target", ["builtins.print", "math.sqrt", "os.path.join", "numpy.linalg.norm", "collections.OrderedDict.fromkeys"]
)
def test_the_standard_library_and_extension_modules_are_accepted(target: str) -> None:
    assert problem(target) is None


@pytest.mark.parametrize(
    "target",
    [
        "keras.optimizers.Adam",
        "keras.losses.Huber",
        "keras.models.Model.from_config",
        "tensorflow.nn.relu",
        "tfmlflow.models.mlp.build",
        "tfmlflow.hardware.auto",
        "hydra.utils.get_method",
    ],
)
def test_what_the_libraries_offer_is_accepted(target: str) -> None:
    assert problem(target) is None


def test_nothing_is_imported_to_find_out() -> None:
    loaded = set(sys.modules)
    problem("my_pkg.nets.build")
    problem("my_pkg.nets.biuld")
    assert {name for name in set(sys.modules) - loaded if name.startswith("my_pkg")} == set()


@pytest.mark.parametrize("target", ["build", "", "my_pkg.", ".build", "my_pkg..build", "my-pkg.build", "3.4", "a b.c"])
def test_what_is_no_dotted_path_is_refused_with_an_example(target: str) -> None:
    assert problem(target) == "must be a dotted path such as my_pkg.build"


@pytest.mark.parametrize(
    ("target", "name", "meant"),
    [
        ("sngle.build", "sngle", "single"),
        ("kera.Sequential", "kera", "keras"),
        ("tensorflw.keras.Model", "tensorflw", "tensorflow"),
        ("tfmlfow.models.mlp.build", "tfmlfow", "tfmlflow"),
    ],
)
def test_an_unknown_package_names_the_nearest_one(target: str, name: str, meant: str) -> None:
    assert problem(target) == f"no package {name!r} is installed or in this folder; did you mean {meant}?"


def test_an_unknown_package_that_is_like_none_is_named_alone() -> None:
    assert problem("qqq.build") == "no package 'qqq' is installed or in this folder"


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("my_pkg.nets.biuld", "my_pkg.nets has no 'biuld'; did you mean build?"),
        ("my_pkg.nets.Nett", "my_pkg.nets has no 'Nett'; did you mean Net?"),
        ("single.load", "single has no 'load'; it has build"),
        ("keras.optimizers.Adm", "keras.optimizers has no 'Adm'; did you mean Adam?"),
    ],
)
def test_an_unknown_name_names_the_nearest_one_or_the_few_there_are(target: str, says: str) -> None:
    assert problem(target) == says


def test_private_names_are_not_offered(my_pkg: Path) -> None:
    (my_pkg / "private.py").write_text("def _build(data): pass\ndef load(): pass\n")
    assert problem("my_pkg.private.build") == "my_pkg.private has no 'build'; it has load"


@pytest.mark.parametrize("target", ["my_pkg.nets", "my_pkg.deep", "json.decoder"])
def test_a_module_is_no_target(target: str) -> None:
    says = problem(target)
    assert says is not None
    assert "is a module" in says


@pytest.mark.parametrize("target", ["tensorflow.keras.Model", "tensorflow.optimizers.Adam", "tensorflow.losses.Huber"])
def test_keras_under_its_name_in_tensorflow_is_accepted(target: str) -> None:
    assert problem(target) is None


@pytest.mark.parametrize("target", ["my_pkg.netz.build", "tfmlflow.models.mpl.build"])
def test_an_unknown_module_names_the_nearest_one(target: str) -> None:
    says = problem(target)
    assert says is not None
    assert "did you mean" in says


def test_a_name_that_a_loop_binds_is_found(my_pkg: Path) -> None:
    (my_pkg / "loop.py").write_text("for width in (1, 2):\n    def build(data): pass\n")
    assert problem("my_pkg.loop.build") is None


def test_a_package_that_an_import_hook_provides_is_accepted(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `pip install --editable` of a setuptools project without a `src` folder makes it."""
    file = tmp_path_factory.mktemp("elsewhere") / "hooked.py"
    file.write_text("def build(data): pass\n")

    class Hook:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> object:
            return spec_from_file_location(name, file) if name == "hooked" else None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Hook])
    assert problem("hooked.build") is None
