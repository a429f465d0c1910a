"""The model that all jobs of a sweep are made of, where they compress one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tfmlflow.config.together.compression import is_on
from tfmlflow.tracking.models.origin import Origin, find


def common(jobs: Iterable[Mapping[str, Any]]) -> Origin | None:
    """Of the run that every job takes its model from; None if there is no such one.

    Args:
        jobs: Their configs.

    Raises:
        UsageError: A job's model is not there.
    """
    found: dict[Any, Origin | None] = {}
    for settings in jobs:
        said, uri = settings["compress"], settings["tracking"]["uri"]
        key = (str(said["from"]), uri) if is_on(settings) else None
        if key not in found:
            found[key] = None if key is None else find(*key)
    runs = {None if one is None else one.run_id for one in found.values()}
    return next(iter(found.values())) if len(runs) == 1 and None not in runs else None
