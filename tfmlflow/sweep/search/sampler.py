"""The Optuna sampler that a config names."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from hydra.utils import get_class

from tfmlflow.errors import UsageError

OF_TPE = ("n_startup_trials", "multivariate", "group", "constant_liar")


def sampler_of(said: Mapping[str, Any], seed: int) -> Any:
    """Made as `sweep.sampler` says, without arguments of TPE's that another one does not take.

    Raises:
        UsageError: It cannot be made so.
    """
    made = get_class(str(said["_target_"]))
    accepted = inspect.signature(made).parameters
    given = {key: value for key, value in said.items() if key != "_target_" and (key in accepted or key not in OF_TPE)}
    if "seed" in accepted:
        given.setdefault("seed", seed)  # another one after each start: else the same points would be drawn again
    try:
        return made(**given)
    except (TypeError, ValueError, ImportError) as error:
        raise UsageError(f"sweep.sampler={dict(said)}: {error}") from None
