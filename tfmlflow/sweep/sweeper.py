"""The sweeper behind `-m`: every combination of comma-separated values, all of them checked before the first starts."""

from __future__ import annotations

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from omegaconf import open_dict

from tfmlflow.config.check import check
from tfmlflow.errors import UsageError


class Sweeper(BasicSweeper):
    """Hydra's grid, with our checks on each job's config."""

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose and check the config of every job.

        Raises:
            UsageError: Names the jobs that are wrong; none has started.
        """
        assert self.hydra_context is not None
        assert self.config is not None
        problems: dict[str, str] = {}
        for overrides in batch:
            config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            with open_dict(config):
                del config["hydra"]
            try:
                check(config)
            except UsageError as error:
                problems.setdefault(str(error), " ".join(overrides))
        if problems:
            raise UsageError("\n".join(f"{problem}\n  (in the job {job})" for problem, job in problems.items()))
