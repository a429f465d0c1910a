"""The data of a compression: those that its origin was trained on, or others, and then it says so."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig

from tfmlflow.compression.fit import Part
from tfmlflow.config.inherited import given
from tfmlflow.config.own.arguments import fold_of, kept_data
from tfmlflow.errors import UsageError


def load(cfg: DictConfig, part: Part, stored: Any, typed: bool) -> Any:
    """The data that `cfg.data` names, as a `Data`.

    Args:
        cfg, part: What is asked for, and how it is made.
        stored: The origin's model.
        typed: Whether they are others than the origin's, which `stored.preparation` prepares.

    Raises:
        UsageError: They cannot be had.
    """
    from tfmlflow.data.returned import as_data

    kept = kept_data(cfg.data)
    loader = part(cfg.data, *kept)
    known = stored.preparation  # other data are prepared as those of the origin were
    takes = "prepared" in inspect.signature(loader).parameters
    learned = {"prepared": known} if typed and known is not None and known.learned and takes else {}
    return as_data(loader(**learned), cfg.data._target_, cfg.seed, *fold_of(cfg.data)).limited(cfg.data.limit)


def likeness(data: Any, origin: Any, overrides: Sequence[str], reference: str) -> str:
    """Whether the data are those of the origin, in words.

    Raises:
        UsageError: They were to be, and are not any more.
    """
    keys = [word.lstrip("+~").partition("=")[0] for word in overrides]
    split = any(key.startswith("data.") and key not in ("data.batch_size", "data.cache") for key in keys)
    typed = "data" in given(overrides)
    if not origin.digest:
        return "not known: the origin has not recorded a digest of its data"
    if data.digest == origin.digest:
        return "the same as the origin's" + (", split as was typed" if typed or split else ", and split alike")
    if typed:
        return f"others than the origin's: digest {data.digest}, the origin has {origin.digest}"
    raise UsageError(
        f"compress.from={reference}: data={data.name} are not those that it was trained on any more (digest "
        f"{data.digest[:8]}, the run has {origin.digest[:8]}), so nothing could be compared; to compress it on these "
        f"all the same, type them: data={data.name}"
    )
