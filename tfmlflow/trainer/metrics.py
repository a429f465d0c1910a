"""Metrics by the data's task or by name; precision, recall and F1 of several classes are means over the classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
from keras import ops

from tfmlflow.data.record import Data
from tfmlflow.errors import UsageError
from tfmlflow.trainer.losses import is_shares

DEFAULT = {"multiclass": ("accuracy",), "binary": ("accuracy", "auc"), "regression": ("mae", "rmse", "r2")}


@keras.saving.register_keras_serializable("tfmlflow")
class Counts(keras.metrics.Metric):
    """Precision, recall or F1 from counts by class.

    Of several classes the mean over the classes ("macro"); of two the positive class's.

    Args:
        kind: precision, recall or f1.
        classes: Number of classes; labels are indices `(batch,)`, or 0 and 1 `(batch, 1)` if it is 2 and the model
            gives one probability.
        logits: Whether the model gives logits.
    """

    def __init__(self, kind: str, classes: int, name: str | None = None, logits: bool = False, **kwargs: Any) -> None:
        super().__init__(name=name or kind, **kwargs)
        self.kind, self.classes, self.logits = kind, classes, logits
        self.right = self.add_variable((classes,), "zeros", name="right")
        self.actual = self.add_variable((classes,), "zeros", name="actual")
        self.predicted = self.add_variable((classes,), "zeros", name="predicted")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Counts a batch: labels as above, probabilities or logits `(batch, classes)` or `(batch, 1)`."""
        even = 0.0 if self.logits else 0.5
        guess = ops.argmax(y_pred, axis=-1) if y_pred.shape[-1] > 1 else ops.reshape(y_pred > even, (-1,))
        guesses = ops.one_hot(ops.cast(guess, "int32"), self.classes)
        labels = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), self.classes)
        weight = 1.0 if sample_weight is None else ops.reshape(ops.cast(sample_weight, labels.dtype), (-1, 1))
        self.right.assign_add(ops.sum(labels * guesses * weight, axis=0))
        self.actual.assign_add(ops.sum(labels * weight, axis=0))
        self.predicted.assign_add(ops.sum(guesses * weight, axis=0))

    def get_config(self) -> dict[str, Any]:
        """For saving."""
        return {**super().get_config(), "kind": self.kind, "classes": self.classes, "logits": self.logits}

    def result(self) -> Any:
        """The metric in [0, 1]; 0 where it is not defined."""
        of = {"precision": self.predicted, "recall": self.actual, "f1": (self.predicted + self.actual) / 2.0}[self.kind]
        by_class = ops.divide_no_nan(self.right, of)
        return by_class[1] if self.classes == 2 else ops.mean(by_class)


@keras.saving.register_keras_serializable("tfmlflow")
class ClassAUC(keras.metrics.AUC):
    """Area under the ROC curve, the mean over the classes, for labels that are class indices."""

    def __init__(self, classes: int, name: str = "auc", logits: bool = False) -> None:
        super().__init__(name=name, multi_label=True, num_labels=classes)
        self.classes, self.logits = classes, logits

    def get_config(self) -> dict[str, Any]:
        """For saving."""
        return {"name": self.name, "classes": self.classes, "logits": self.logits}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Counts a batch: labels `(batch,)`, probabilities or logits `(batch, classes)`."""
        y_pred = ops.softmax(y_pred) if self.logits else y_pred
        labels = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), self.classes)
        super().update_state(labels, y_pred, sample_weight)


@keras.saving.register_keras_serializable("tfmlflow")
class Leading(keras.metrics.Metric):
    """A metric of classes where labels may be mixed: of a mixed one it takes the class with the largest share.

    Args:
        metric: Takes indices `(batch,)`, or 0 and 1 `(batch, 1)` if `classes` is 2.
        classes: Number of classes.
    """

    def __init__(self, metric: Any, classes: int) -> None:
        metric = keras.saving.deserialize_keras_object(metric) if isinstance(metric, dict) else metric
        super().__init__(name=metric.name)
        self.metric, self.classes, self._direction = metric, classes, getattr(metric, "_direction", None)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Counts a batch: labels as the metric takes them, or shares `(batch, classes)`, `(batch, 1)`."""
        y_true = ops.convert_to_tensor(y_true)
        if is_shares(y_true, self.classes):
            y_true = ops.argmax(y_true, axis=-1)
        elif "float" in keras.backend.standardize_dtype(y_true.dtype) and self.classes == 2:
            y_true = ops.cast(y_true > 0.5, "int32")
        self.metric.update_state(y_true, y_pred, sample_weight=sample_weight)

    def reset_state(self) -> None:
        """As before the first batch."""
        self.metric.reset_state()

    def result(self) -> Any:
        """The metric."""
        return self.metric.result()

    def get_config(self) -> dict[str, Any]:
        """For saving."""
        return {"metric": keras.saving.serialize_keras_object(self.metric), "classes": self.classes}


def build(
    metrics: str | Sequence[Any], data: Data, mixed: bool = False, logits: bool = False
) -> list[keras.metrics.Metric]:
    """New metric objects for `data`.

    Args:
        metrics: auto, or a list of names (`names_for`) and metric objects, which are taken as they are.
        data: Its task decides `auto` and what a name means.
        mixed: Whether labels of the training are mixed.
        logits: Whether the model gives logits, as its loss tells; metric objects know for themselves.

    Raises:
        UsageError: A name that does not fit the task.
    """
    chosen = DEFAULT[data.task] if metrics == "auto" else metrics
    made = [_build(metric, data, logits) if isinstance(metric, str) else metric for metric in chosen]
    return [Leading(metric, data.classes) for metric in made] if mixed and data.task != "regression" else made


def take_logits(loss: Any) -> bool:
    """Whether a loss, or the one in it, takes logits."""
    return bool(getattr(getattr(loss, "loss", loss), "from_logits", False))


def names_for(data: Data, logits: bool = False) -> dict[str, Callable[[], keras.metrics.Metric]]:
    """What a metric's name stands for in the task of `data`, for a model that gives probabilities or logits."""
    if data.task == "regression":
        return {
            "mse": lambda: keras.metrics.MeanSquaredError(name="mse"),
            "mae": lambda: keras.metrics.MeanAbsoluteError(name="mae"),
            "rmse": lambda: keras.metrics.RootMeanSquaredError(name="rmse"),
            "mape": lambda: keras.metrics.MeanAbsolutePercentageError(name="mape"),
            "r2": lambda: keras.metrics.R2Score(name="r2"),
        }
    counts = {kind: partial(Counts, kind, data.classes, logits=logits) for kind in ("precision", "recall", "f1")}
    if data.task == "binary":
        return {
            "accuracy": lambda: keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0 if logits else 0.5),
            "auc": lambda: keras.metrics.AUC(name="auc", from_logits=logits),
            **counts,
        }
    return {
        "accuracy": lambda: keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
        "auc": lambda: ClassAUC(data.classes, logits=logits),
        **{f"top_{k}": partial(_top, k) for k in (2, 3, 5, 10) if k < data.classes},
        **counts,
    }


def _top(k: int) -> keras.metrics.Metric:
    return keras.metrics.SparseTopKCategoricalAccuracy(k, f"top_{k}")


def _build(name: str, data: Data, logits: bool) -> keras.metrics.Metric:
    known = names_for(data, logits)
    if name not in known:
        raise UsageError(
            f"trainer.metrics={name}: for data={data.name} ({data.task}) choose from {', '.join(known)}, "
            "or give {_target_: keras.metrics.…}"
        )
    return known[name]()
