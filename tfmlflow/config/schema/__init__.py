"""What every key of the shipped options may be: tables by what they are about, and one of all, by group and key.

A key that the chosen option does not have is refused by Hydra; a key that is not listed here (an argument of somebody's
own model, data or optimizer) takes any value.
"""

from __future__ import annotations

from typing import Any

from tfmlflow.config.schema.compress import COMPRESS
from tfmlflow.config.schema.data import AUGMENT, DATA
from tfmlflow.config.schema.model import MODEL
from tfmlflow.config.schema.runs import PROFILE, RUN, SWEEP, TRACKING
from tfmlflow.config.schema.training import HARDWARE, OBJECTIVE, OPTIMIZER, SCHEDULE, TRAINER

__all__ = ["PROFILE", "SCHEMA"]

SCHEMA: dict[str, dict[str, Any]] = {
    "": RUN,
    "objective": OBJECTIVE,
    "data": DATA,
    "augment": AUGMENT,
    "model": MODEL,
    "optimizer": OPTIMIZER,
    "schedule": SCHEDULE,
    "hardware": HARDWARE,
    "trainer": TRAINER,
    "tracking": TRACKING,
    "sweep": SWEEP,
    "compress": COMPRESS,
}
