"""Registers `hydra/sweeper=tfmlflow`."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore

from tfmlflow.sweep.sweeper import Sweeper


class TfmlflowSweeper(Sweeper):
    """The sweeper under a name that Hydra looks for plugins under."""


@dataclass
class SweeperConfig:
    """Keys of `hydra.sweeper`."""

    _target_: str = "hydra_plugins.tfmlflow_sweeper.TfmlflowSweeper"
    max_batch_size: int | None = None
    params: dict[str, Any] = field(default_factory=dict)


ConfigStore.instance().store(group="hydra/sweeper", name="tfmlflow", node=SweeperConfig, provider="tfmlflow")
