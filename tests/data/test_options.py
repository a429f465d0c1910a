"""Every key of a data option reaches its loader."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.conftest import ROOT

FILES = sorted(file for file in (ROOT / "conf" / "data").glob("*.yaml") if file.stem != "custom")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_option_lists_every_argument_of_its_loader_with_its_default(file: Path) -> None:
    option = OmegaConf.to_container(OmegaConf.load(file))
    assert isinstance(option, dict)
    module, _, name = option.pop("_target_").rpartition(".")
    option.pop("cache", None)
    for key in ("name", "batch_size", "limit"):  # the pipeline's
        assert key in option
        del option[key]
    parameters = dict(inspect.signature(getattr(importlib.import_module(module), name)).parameters)
    parameters.pop("prepared", None)  # a stored model's, no user's
    assert set(option) == set(parameters)
    for key, parameter in parameters.items():
        if key != "seed":  # the run's
            required = parameter.default is inspect.Parameter.empty
            assert (option[key] == "???") == required
            if not required:
                default = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
                assert (option[key] or None) == (default or None), key
