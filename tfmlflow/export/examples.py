"""Real inputs, on which an export is compared with its original."""

from __future__ import annotations

from typing import Any

import numpy as np
from omegaconf import DictConfig

from tfmlflow.data import pipeline
from tfmlflow.data.inputs import names
from tfmlflow.errors import UsageError
from tfmlflow.evaluation import new_data
from tfmlflow.export.formats import Arrays
from tfmlflow.predictor.predictor import Predictor
from tfmlflow.tracking.models.model_import import Stored

MOST = 1000  # of a data set
FEW = 64  # below which there are more made


def of(stored: Stored, cfg: DictConfig | None) -> tuple[Arrays, str]:
    """Inputs as the network takes them, by the names that an export has, and what they are.

    Args:
        stored: The model; `cfg.data` names a data set for it, else its input example is taken, and where that are few,
            more with the same values in another order.

    Raises:
        UsageError: There is no input example, or the data do not fit the model.
    """
    if cfg is not None:
        data = new_data.load(cfg, stored)
        count = min(MOST, len(data.test))
        return _named(stored, pipeline.example(data.test, count)), f"{count:,} examples of data={data.name}"
    if stored.example is None:
        raise UsageError(f"{stored.uri}: has no input example to check an export on; name data: data=csv data.path=…")
    known = stored.preparation
    x = stored.example if known is None else Predictor(stored.model, known).prepared(stored.example)
    inputs = _named(stored, x)
    count = len(next(iter(inputs.values())))
    more = FEW - count
    if more <= 0:
        return inputs, f"the model's {count:,} input examples"
    chance = np.random.default_rng(0)
    rows = {
        name: np.concatenate([one, *(_reordered(one, chance) for _ in range(more))]) for name, one in inputs.items()
    }
    plural = "example" if count == 1 else f"examples ({count})"
    return rows, f"the model's input {plural}, and {more} with such values in another order"


def _reordered(array: Any, chance: np.random.Generator) -> Any:
    """One example with the values of one that is there."""
    one = array[chance.integers(len(array))]
    return chance.permutation(one.ravel()).reshape(1, *one.shape)


def _named(stored: Stored, x: Any) -> Arrays:
    arrays = {str(k): np.asarray(one) for k, one in x.items()} if isinstance(x, dict) else {"input": np.asarray(x)}
    tensors = list(getattr(stored.model, "inputs", None) or ())
    if len(tensors) == len(arrays) == 1:
        arrays = {"input": next(iter(arrays.values()))}
    if len(tensors) == len(arrays):
        by_name = dict(zip(names(stored.model), tensors, strict=True))
        only = tensors[0]
        kinds = {name: by_name.get(name, only).dtype for name in arrays}
        return {name: one if kinds[name] == "string" else one.astype(kinds[name]) for name, one in arrays.items()}
    return arrays
