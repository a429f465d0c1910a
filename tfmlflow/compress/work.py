"""What a method of compression is given besides the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tfmlflow.errors import UsageError


@dataclass(frozen=True)
class Work:
    """What a method may need.

    Attributes:
        fit: Trains a model on the data of its origin and leaves the best epoch's weights in it:
            `fit(model, callbacks=, epochs=, learning_rate=, group=)`; of `group` steps at most a call.
        examples: Training inputs as the model takes them, `(n, *input_shape)`, or several by name.
        steps: Of an epoch.
    """

    fit: Callable[..., None]
    examples: Any
    steps: int


class Refused(UsageError):
    """The method cannot be applied to this model."""
