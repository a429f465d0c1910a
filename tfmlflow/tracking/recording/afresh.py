"""A copy of a callback, also in another process, has no run yet."""

from __future__ import annotations

from typing import Any

from tfmlflow.tracking.run.progress import Progress

GIVEN = ("_managed", "_own", "_model", "params", "input_wait", "known_checkpoints", "kept_best")
MEANWHILE = ("_training", "_progress", "_trace", "_troubles", "on_train_batch_end")  # of a training that is going on


class Afresh:
    """What a callback was made with is copied, and nothing that it has come by since."""

    def __getstate__(self) -> dict[str, Any]:
        """What it was made with."""
        return {key: value for key, value in self.__dict__.items() if key not in (*GIVEN, *MEANWHILE)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """As `__getstate__` has it."""
        self.__dict__ |= state | dict.fromkeys(GIVEN)
        self._progress = Progress()
        self._reset()

    def _reset(self) -> None:
        """Forget the training that was going on."""
