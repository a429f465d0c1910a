"""How far a run has come, so that a further `fit` in it goes on from there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from tfmlflow.vocabulary import Tag


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        epoch, step: The last ones.
        fits: How often `fit` was called in the run.
        best: The best value of `metric` up to there, and its epoch.
        metric: The objective.
    """

    epoch: int = 0
    step: int = 0
    fits: int = 0
    best: float | None = None
    best_epoch: int | None = None
    metric: str | None = None

    @classmethod
    def of(cls, tags: Mapping[str, str]) -> Progress:
        """As an earlier process has left it in the run's tags; at the beginning if it has not."""
        try:
            left = json.loads(tags.get(Tag.PROGRESS, "{}"))
            return cls(**{field.name: left[field.name] for field in fields(cls) if field.name in left})
        except (ValueError, TypeError):
            return cls()

    def as_tag(self) -> dict[str, str]:
        """For the run's tags."""
        return {Tag.PROGRESS: json.dumps(asdict(self))}
