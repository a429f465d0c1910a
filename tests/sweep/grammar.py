"""Spaces out of what a user types."""

from __future__ import annotations

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from tfmlflow.config.location import conf
from tfmlflow.sweep.search.space import Space


def space(*typed: str) -> Space:
    """Of a command line with these overrides, in front of the shipped options."""
    with initialize_config_dir(str(conf()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        return Space.of(OverridesParser.create(config_loader=loader).parse_overrides(list(typed)))
