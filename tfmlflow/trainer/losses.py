"""Losses by the data's task or by name, with integer labels turned into vectors where a loss wants them."""

from __future__ import annotations

from typing import Any

import keras

from tfmlflow.data.record import Data
from tfmlflow.errors import UsageError

DEFAULT = {
    "multiclass": "sparse_categorical_crossentropy",
    "binary": "binary_crossentropy",
    "regression": "mean_squared_error",
}


SPARSE = ("categorical_crossentropy", "sparse_categorical_crossentropy")
SMOOTHED = {
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
    "binary_focal_crossentropy": keras.losses.BinaryFocalCrossentropy,
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    "categorical_focal_crossentropy": keras.losses.CategoricalFocalCrossentropy,
}


OF_SEVERAL = ("categorical_crossentropy", "sparse_categorical_crossentropy", "categorical_focal_crossentropy")
HINGES = ("hinge", "squared_hinge", "categorical_hinge")  # which want labels that are whole


@keras.saving.register_keras_serializable("tfmlflow")
class OneHot(keras.losses.Loss):
    """A loss on vectors, for labels that are class indices `(batch,)`, or shares of the classes `(batch, classes)`.

    Both at once, for where examples are mixed the training has shares, and what it is measured by indices.
    """

    def __init__(self, loss: Any, classes: int, name: str = "one_hot", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.loss = keras.losses.get(loss)
        self.classes = classes

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each example, `(batch,)`."""
        if is_shares(y_true, self.classes):
            labels = keras.ops.cast(y_true, y_pred.dtype)
        else:
            labels = keras.ops.one_hot(keras.ops.cast(y_true, "int32"), self.classes, dtype=y_pred.dtype)
        function = self.loss.call if isinstance(self.loss, keras.losses.Loss) else self.loss
        return function(keras.ops.reshape(labels, keras.ops.shape(y_pred)), y_pred)

    def get_config(self) -> dict[str, Any]:
        """For saving."""
        return {**super().get_config(), "loss": keras.losses.serialize(self.loss), "classes": self.classes}


def is_shares(y_true: Any, classes: int) -> bool:
    """Whether labels are shares of the classes, and no indices."""
    return len(y_true.shape) == 2 and y_true.shape[-1] == classes


def build(loss: Any, data: Data, label_smoothing: float = 0.0, mixed: bool = False) -> Any:
    """The loss for `data`.

    Args:
        loss: auto, a Keras name, or a loss object, which is taken as it is.
        data: Its task decides `auto`.
        label_smoothing: Share of each label that is spread over all classes; cross-entropies only.
        mixed: Whether labels of the training are mixed, and those of classes are shares.

    Raises:
        UsageError: Keras knows no such loss, it compares several outputs where a binary task has one, smoothing was
            asked for where there is none, or it takes no mixed labels.
    """
    if not isinstance(loss, str):
        if mixed and data.task == "multiclass" and not isinstance(loss, OneHot):
            raise UsageError(
                "trainer.loss._target_: a loss of your own; with augment.mixup or cutmix labels are shares of the "
                "classes in training and indices in validation; name one of Keras's, such as categorical_crossentropy"
            )
        return loss
    name = DEFAULT[data.task] if loss == "auto" else loss
    if data.task == "binary" and _plain(name) in map(_plain, OF_SEVERAL):
        raise UsageError(
            f"trainer.loss={name}: compares the outputs of several classes, and data={data.name} is a binary task with "
            "one, of which it is always 0; use auto or binary_crossentropy"
        )
    if label_smoothing and name not in (*SPARSE, *SMOOTHED):
        raise UsageError(f"trainer.label_smoothing={label_smoothing}: only for cross-entropies, not for {name}")
    if mixed and data.task != "regression" and name in HINGES:
        raise UsageError(
            f"trainer.loss={name}: takes no labels between two classes, as augment.mixup and cutmix make them; use auto"
        )
    if data.task == "multiclass" and name in SPARSE and not label_smoothing and not mixed:
        return keras.losses.SparseCategoricalCrossentropy()
    name = "categorical_crossentropy" if name in SPARSE else name
    if name in SMOOTHED:
        known = SMOOTHED[name](label_smoothing=label_smoothing)
    else:
        known = _known("categorical_hinge" if (name, data.task) == ("hinge", "multiclass") else name)
    return OneHot(known, data.classes, name=name) if data.task == "multiclass" else known


def _plain(name: str) -> str:
    """A name of Keras's in whichever of its two spellings."""
    return name.replace("_", "").lower()


def _known(name: str) -> Any:
    try:
        return keras.losses.get(name)
    except ValueError as error:
        raise UsageError(
            f"trainer.loss={name}: Keras knows no such loss; use auto, mse, mae, huber, hinge, binary_crossentropy, "
            "categorical_crossentropy, another name of keras.losses, or {_target_: my_pkg.MyLoss}"
        ) from error


def of_logits(task: str) -> Any:
    """The cross-entropy of a classifier that gives logits."""
    kind = keras.losses.BinaryCrossentropy if task == "binary" else keras.losses.SparseCategoricalCrossentropy
    return kind(from_logits=True)
