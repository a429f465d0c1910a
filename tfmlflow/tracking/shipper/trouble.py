"""Why one run cannot be delivered just now. It costs itself only: other runs go on, and it is tried again."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass
from typing import Any

from tfmlflow import whole_file
from tfmlflow.tracking.journal.run_folder import RunFolder
from tfmlflow.tracking.store.retry import Backoff

UNKNOWN, UNREADABLE, REFUSED = "unknown", "unreadable", "refused"
LOST = {  # by where a run is that the store does not have
    "unknown": "the store answers but does not know the run: is it another database?",
    "deleted": "the run, or its experiment, was deleted from the store",
}
LONGEST = 60.0  # seconds between two attempts
YOUNG = 10.0  # the same at first: a tenth of how long it has lasted is more only later
HURRIED = 2.0  # the same, while a trainer waits for it


class Unreadable(Exception):
    """What the run's folder holds makes no sense."""


@dataclass(frozen=True)
class Trouble:
    """What keeps a run from being delivered.

    Attributes:
        kind: `unknown`: the store answers, but does not know the run; `unreadable`: a file of the spool; `refused`: the
            store refuses it, or something is wrong with us.
        why: In words.
        since: Seconds since 1970.
    """

    kind: str
    why: str
    since: float

    @classmethod
    def of(cls, folder: RunFolder) -> Trouble | None:
        """As the shipper has noted it."""
        found: dict[str, Any] = whole_file.read(folder.trouble)
        kind, why, since = found.get("kind"), found.get("why"), found.get("since")
        if not isinstance(kind, str) or not isinstance(why, str) or not isinstance(since, int | float):
            return None
        return cls(kind, why, float(since))


class Retry:
    """The pauses between attempts at one run, and the note of why they fail.

    Args:
        folder: Of the run.

    Attributes:
        trouble: None while all is well.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._backoff = Backoff()
        self.trouble = Trouble.of(folder)

    @property
    def waiting(self) -> bool:
        """Whether it is too early for the next attempt."""
        if self._folder.closing.exists() or self._folder.wish.exists():
            return self._backoff.waits_for(HURRIED)
        return self._backoff.waits_for(min(LONGEST, max(YOUNG, self._backoff.lasted / 10)))

    def failed(self, kind: str, why: str) -> None:
        """Note a failure that is this run's own."""
        self._backoff.failed(RuntimeError(why), LONGEST)
        if self.trouble is None or (self.trouble.kind, self.trouble.why) != (kind, why):
            self.trouble = Trouble(kind, why, time.time())
            with contextlib.suppress(OSError):
                whole_file.write(self._folder.trouble, json.dumps(asdict(self.trouble)))

    def away(self, error: BaseException) -> None:
        """Note that the store did not take it, which may be nobody's fault."""
        self._backoff.failed(error)

    def succeeded(self) -> None:
        """Note that it is delivered again."""
        self._backoff.succeeded()
        if self.trouble is not None:
            self.trouble = None
            with contextlib.suppress(OSError):
                self._folder.trouble.unlink(missing_ok=True)
