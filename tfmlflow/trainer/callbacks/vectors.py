"""Metrics that give one number for each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tfmlflow.errors import UsageError
from tfmlflow.objective import Objective
from tfmlflow.trainer import values


class VectorMetrics(keras.callbacks.Callback):
    """Adds to an epoch's logs the numbers of its vectors, `val_f1_score/<class>`, for all callbacks after this one.

    Args:
        objective: Must be one number.
        names: Of the classes.
    """

    def __init__(self, objective: Objective, names: Sequence[str] = ()) -> None:
        super().__init__()
        self._objective, self._names = objective, names

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds them.

        Raises:
            UsageError: The objective is a vector.
        """
        if logs is None:
            return
        logs |= {name: value for name, value in values.scalars(logs, self._names).items() if name not in logs}
        monitor = self._objective.monitor
        if monitor in logs and values.number(logs[monitor]) is None:
            single = [name for name in logs if name.startswith(f"{monitor}/")]
            which = self._objective.metric + single[0].removeprefix(monitor) if single else None
            choose = f"choose one of them: objective.metric={which}, or " if which else ""
            raise UsageError(
                f"objective.metric={self._objective.metric}: is not one number; {choose}give the metric an average"
            )
