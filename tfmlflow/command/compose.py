"""Composing a config outside `hydra.main`, for commands that are no training."""

from __future__ import annotations

from collections.abc import Sequence

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from tfmlflow.command.arguments import quoted, require_options
from tfmlflow.command.explain import explain
from tfmlflow.command.mappings import opened
from tfmlflow.config.check import check
from tfmlflow.config.location import conf, options
from tfmlflow.errors import UsageError


def compose(overrides: Sequence[str], required: Sequence[str] = ()) -> DictConfig:
    """The checked config that `overrides` make.

    Args:
        overrides: As on the command line.
        required: Groups that must be chosen, since their default would be a guess.

    Raises:
        UsageError: As for `python train.py`.
    """
    for group in required:
        if not any(override.startswith(f"{group}=") for override in overrides):
            raise UsageError(f"{group}: say which: {group}={', '.join(options(group))}")
    overrides = opened(quoted(overrides))
    require_options(overrides)
    try:
        with initialize_config_dir(str(conf()), version_base="1.3"):
            cfg: DictConfig = hydra_compose("config", overrides=list(overrides))
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise explain(error, overrides) from error
    check(cfg)
    return cfg
