"""Data for a stored model, prepared by what its training has learned."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from tfmlflow.config.own.arguments import fold_of, kept_data
from tfmlflow.data.record import Data
from tfmlflow.data.returned import as_data
from tfmlflow.run import part

if TYPE_CHECKING:
    from tfmlflow.tracking.models.model_import import Stored


def load(cfg: DictConfig, stored: Stored) -> Data:
    """The data that `cfg.data` names, as the model takes them.

    Raises:
        UsageError: They do not fit the model.
    """
    from tfmlflow.tracking.models import model_import

    loader = part(cfg.data, *kept_data(cfg.data))
    known = stored.preparation
    learned = {"prepared": known} if known is not None and known.learned and _takes_prepared(loader) else {}
    data = as_data(loader(**learned), cfg.data._target_, cfg.seed, *fold_of(cfg.data))
    model_import.require_fit(stored, data)
    return data


def _takes_prepared(loader: Any) -> bool:
    return "prepared" in inspect.signature(loader).parameters
