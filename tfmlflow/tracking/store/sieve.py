"""Which entries of a batch a store refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlflow import MlflowClient

from tfmlflow.tracking.store.retry import passing, reason

SUSPICIOUS = 10  # entries refused one after the other, and none taken


class Sieve:
    """Finds the entries that a store refuses among those that it takes, half by half.

    Args:
        client, run_id: Where to.

    Attributes:
        refused: Key and reason of each entry that was refused.
    """

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self._client, self._run_id = client, run_id
        self._taken = 0
        self.refused: list[str] = []

    def send(self, kind: str, entries: Sequence[Any]) -> None:
        """Send all at once; where that is refused, each half by itself, until the wrong ones are found.

        Raises:
            Exception: Of the store; also if it has refused several and taken none, which is not the entries' fault.
        """
        try:
            if entries:
                self._client.log_batch(self._run_id, synchronous=True, **{kind: entries})
                self._taken += len(entries)
        except Exception as error:
            if passing(error):
                raise
            if len(entries) == 1:
                self.refused.append(f"{getattr(entries[0], 'key', '')}: {reason(error)}")
                if len(self.refused) >= SUSPICIOUS and not self._taken:
                    raise
                return
            middle = len(entries) // 2
            self.send(kind, entries[:middle])
            self.send(kind, entries[middle:])
