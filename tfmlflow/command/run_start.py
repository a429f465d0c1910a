"""Checks a single run's config before Hydra has made a folder for it: a wrong command leaves nothing behind."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict, read_write

from tfmlflow.config.check import check
from tfmlflow.errors import UsageError
from tfmlflow.job.folder import require_own


class Refused(SystemExit):
    """The config is wrong. Of what a callback raises, Hydra lets nothing through but what is no `Exception`."""

    def __init__(self, error: UsageError) -> None:
        super().__init__(2)
        self.error = error


class CheckConfig(Callback):
    """The callback `hydra.callbacks.check_config` of conf/config.yaml."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Raises `Refused`; what is told only while the job runs is left to the check then."""
        whole = copy.deepcopy(config)
        with read_write(whole), open_dict(whole):  # as the job will have it, for references to it
            whole.hydra.runtime.output_dir = str(Path(str(config.hydra.run.dir)).absolute())
        before = HydraConfig.instance().cfg
        HydraConfig.instance().set_config(whole)
        try:
            with read_write(whole), open_dict(whole):
                del whole["hydra"]
            check(whole)
            require_own(Path(str(config.hydra.run.dir)), f"hydra.run.dir={config.hydra.run.dir}")
        except UsageError as error:
            raise Refused(error) from None
        finally:
            HydraConfig.instance().cfg = before
