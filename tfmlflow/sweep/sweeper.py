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
        """Compose and check the config of every job of the sweep, before the first batch starts.

        Raises:
            UsageError: Names the jobs that are wrong, or says that there is none; none has started.
        """
        assert self.hydra_context is not None
        assert self.config is not None
        assert self.overrides is not None
        if self.batch_index > 1:
            return
        jobs = [overrides for part in self.overrides for overrides in part]
        if not jobs:
            given = " ".join(self.config.hydra.overrides.task)
            raise UsageError(f"{given}: no job comes of this; a glob that matches no option?")
        problems: dict[str, str] = {}
        for overrides in jobs:
            config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            with open_dict(config):
                del config["hydra"]
            try:
                check(config)
            except UsageError as error:
                problems.setdefault(str(error), " ".join(overrides))
        if problems:
            raise UsageError("\n".join(f"{problem}\n  (in the job {job})" for problem, job in problems.items()))
