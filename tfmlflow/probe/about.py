"""What is known of a model and its data before a step is taken: labels, scale of the inputs, loss and its baseline."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfmlflow.data.record import Data
from tfmlflow.probe.neighbours import Rows

SQUARED = ("mean_squared_error", "mse", "MSE")
ABSOLUTE = ("mean_absolute_error", "mae", "MAE")
SCALING = (keras.layers.BatchNormalization, keras.layers.LayerNormalization, keras.layers.Normalization)
LAYERS_TO_SCALE = 3  # a model that scales its inputs does so in one of its first layers


def labels(data: Data) -> list[int]:
    """Training examples of each class."""
    if data.task == "regression":
        return []
    return [int(one) for one in np.bincount(data.train.y.reshape(-1).astype(np.int64), minlength=data.classes)]


def loss_name(model: keras.Model) -> str:
    """Keras's name of what a model was compiled with; of a loss of one's own the name of its class."""
    loss = _inner(model.loss)
    name = loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", "")
    return str(name or type(loss).__name__)


def from_logits(model: keras.Model) -> bool | None:
    """Whether the loss takes logits; None of a loss that is no cross-entropy."""
    loss, name = _inner(model.loss), loss_name(model)
    if "crossentropy" not in name.replace("_", "").lower():
        return None
    if isinstance(loss, keras.losses.Loss):
        said = getattr(loss, "from_logits", None)
        return bool(loss.get_config().get("from_logits", False) if said is None else said)
    return False


def _inner(loss: Any) -> Any:
    inner = getattr(loss, "loss", None)  # ours, that turns indices into vectors
    return loss if inner is None else inner


def baseline(name: str, task: str, y: NDArray[Any]) -> float | None:
    """The least loss of a model that says the same of every example; None of a loss that is not known.

    Args:
        name: Keras's, of the loss.
        task: multiclass, binary or regression.
        y: Targets of the training examples.
    """
    plain = name.replace("_", "").lower()
    if task != "regression":
        if "crossentropy" not in plain or "focal" in plain:
            return None
        shares = np.bincount(y.reshape(-1).astype(np.int64)) / y.size
        return float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())
    values = y.reshape(len(y), -1).astype(np.float64)
    if name in SQUARED:
        return float(values.var(axis=0).mean())
    return float(np.abs(values - np.median(values, axis=0)).mean()) if name in ABSOLUTE else None


def inputs(model: keras.Model, rows: Rows) -> dict[str, Any]:
    """As of `Evidence.inputs`."""
    finite = np.where(np.isfinite(rows), rows, np.nan)
    deviations = np.nanstd(finite, axis=0)
    varying = deviations[deviations > 0]
    return {
        "low": float(np.nanmin(finite)),
        "high": float(np.nanmax(finite)),
        "mean": float(np.nanmean(finite)),
        "std": float(np.nanstd(finite)),
        "spread": float(varying.max() / np.median(varying)) if len(varying) else 1.0,
        "normalized": normalizes(model),
    }


def normalizes(model: keras.Model) -> bool:
    """Whether a model brings its inputs to scale itself: a layer that normalizes, before or after its first weights."""
    first = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer | keras.layers.Flatten)]
    known = (*SCALING, keras.layers.Rescaling, keras.layers.Embedding)
    return any(isinstance(layer, known) for layer in first[:LAYERS_TO_SCALE])


def is_keras_own(model: keras.Model) -> bool:
    """Whether a model is made of Keras's layers alone, which leave nothing behind where they are asked for outputs."""
    parts = [model, *model._flatten_layers()]
    return not any(isinstance(part, keras.layers.Lambda) for part in parts) and all(
        type(part).__module__.partition(".")[0] in ("keras", "tfmlflow") for part in parts
    )


def batch_norm(model: keras.Model) -> bool:
    """Whether layers normalize by the statistics of the batch."""
    return any(isinstance(layer, keras.layers.BatchNormalization) for layer in model._flatten_layers())
