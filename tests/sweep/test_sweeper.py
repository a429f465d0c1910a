"""What a sweep leaves in its folder for whoever repeats it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tfmlflow.sweep import sweeper


@pytest.mark.parametrize(
    ("value", "mode"), [("${oc.env:HOME}", 0o644), ("postgresql://u:hunter2@host/db", 0o600)], ids=["plain", "secret"]
)
def test_a_config_with_a_secret_is_its_owners_alone(tmp_path: Path, value: str, mode: int) -> None:
    config = OmegaConf.create({"tracking": {"uri": value}, "hydra": {"sweep": {"dir": "x"}}})
    before = os.umask(0o022)
    try:
        sweeper._keep(config, tmp_path / "multirun.yaml")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "multirun.yaml").stat().st_mode) == mode
    assert OmegaConf.load(tmp_path / "multirun.yaml") == config
    assert [file.name for file in tmp_path.iterdir()] == ["multirun.yaml"]
