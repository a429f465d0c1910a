"""One sweep at a time of the same command."""

from __future__ import annotations

import hashlib
from typing import Any

from filelock import FileLock, Timeout

from tfmlflow.errors import UsageError
from tfmlflow.tracking.journal.spool import Spool


def alone(identity: str, uri: str, experiment: str) -> Any:
    """A lock on a sweep in its experiment, where only its owner's locks are: two at once would run every job twice.

    Raises:
        UsageError: It is at work already.
    """
    where = hashlib.sha256(f"{identity} {uri} {experiment}".encode()).hexdigest()[:16]
    lock = FileLock(Spool.here().root / f"sweep-{where}.lock", timeout=0, mode=0o600)
    try:
        return lock.acquire()
    except Timeout:
        raise UsageError(
            f"sweep {identity}: the same command is at work already; wait for it, or change what it sweeps"
        ) from None
