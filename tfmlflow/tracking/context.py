"""The `mlflow.run_context_provider` plugin: tags that say which Hydra job a run belongs to.

MLflow loads this at import and asks it whenever a run is created, so it must be light and must not fail.
"""

from __future__ import annotations

import sys
from typing import Any

from tfmlflow.masking import masked_overrides
from tfmlflow.vocabulary import Tag


class HydraRunContext:
    """Tags of the Hydra job that is running in this process, if one is."""

    def in_context(self) -> bool:
        """Whether a Hydra job is running here; Hydra is not imported to find out."""
        return _hydra() is not None

    def tags(self) -> dict[str, str]:
        """`hydra.overrides`, and in a sweep `hydra.job.num`."""
        hydra = _hydra()
        if hydra is None:
            return {}
        tags = {Tag.OVERRIDES: masked_overrides(hydra.overrides.task)}
        if hydra.mode is not None and hydra.mode.name == "MULTIRUN":
            tags[Tag.JOB_NUMBER] = str(hydra.job.num)
        return tags


def _hydra() -> Any:
    module = sys.modules.get("hydra.core.hydra_config")
    if module is None:
        return None
    try:
        return module.HydraConfig.get() if module.HydraConfig.initialized() else None
    except Exception:
        return None
