"""Registers `hydra/launcher=process`."""

from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore

from tfmlflow.sweep.jobs.launcher import ProcessLauncher


class TfmlflowProcessLauncher(ProcessLauncher):
    """The launcher under a name that Hydra looks for plugins under."""


@dataclass
class LauncherConfig:
    """Keys of `hydra.launcher`."""

    _target_: str = "hydra_plugins.tfmlflow_launcher.TfmlflowProcessLauncher"
    n_jobs: int = 2
    gpus: list[int] | None = None  # [0,1]: each job sees one of them
    timeout: Any = None  # of a job, after which it is ended: seconds, or text such as '30 min'


ConfigStore.instance().store(group="hydra/launcher", name="process", node=LauncherConfig, provider="tfmlflow")
