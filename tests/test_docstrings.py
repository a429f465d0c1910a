"""The examples in docstrings, run; and that those whom users meet have all that belongs into them."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

TARGET = re.compile(r"_target_: (tfmlflow\.(?:datasets|models|optim|data|compress)[\w.]+)\.(\w+)")
FOUND = sorted({found for file in (ROOT / "conf").rglob("*.yaml") for found in TARGET.findall(file.read_text())})
MODULES = sorted({module for module, _ in FOUND} | {"tfmlflow.data.splits", "tfmlflow.models.mlp"})


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name: str) -> None:
    tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried.failed == 0


@pytest.mark.parametrize(("module", "function"), FOUND, ids=lambda part: part.rsplit(".", 1)[-1])
def test_what_the_config_names_says_what_it_takes(module: str, function: str) -> None:
    found = getattr(importlib.import_module(module), function)
    said = found.__doc__ or ""
    ours = ("return", "data", "run", "arguments", "batch", "work")
    names = [name for name in found.__annotations__ if name not in ours]
    missing = [name for name in names if not re.search(rf"(?<!\w){name}(?!\w)", said)]
    assert not missing, f"{module}.{function}: {Path(module)} says nothing of {missing}"
